"""Pictures for the README, drawn from the answers of a real Prometheus."""
