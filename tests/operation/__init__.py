"""A worker, an exporter and an intake as an operator has them: stopped, restarted, stuck."""
