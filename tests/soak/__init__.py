"""Hours of work in minutes: does what must stay flat stay flat?  `make soak`."""
