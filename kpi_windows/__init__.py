"""Shop events in, exact KPIs out: pure rules that know no clock, no files and no Kafka."""
