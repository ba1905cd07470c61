"""Alerts without Prometheus: one elected exporter writes breaches and recoveries to a topic.

`evaluator` is elected and judges, `log` writes each alert once, `topics` has the topics' names,
`messages` says what a message looks like, `collector` what Prometheus sees of it.
"""
