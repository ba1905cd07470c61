"""The shell around `kpi_windows`: Kafka, Faust, exposition and the command line, no business rules."""
