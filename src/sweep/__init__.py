"""Compare the settings of a sweep by validation accuracy over seeds."""
