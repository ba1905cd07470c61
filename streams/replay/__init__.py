"""A replay: the inputs once more, from a time on, into a fresh state beside the running one.

plan      which offsets, fixed once and kept in Kafka     run      a worker that ends there
compare   which values differ from the running ones       remove   its topics, and no others
"""
