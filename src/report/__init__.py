"""Stage 5: draw the plots and write the HTML report."""
