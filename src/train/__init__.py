"""Stage 3: train one network or an ensemble, with early stopping and exact resume."""
