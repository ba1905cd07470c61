"""Dead letters: events that didn't count, read again, mended and sent again.

letters   what Kafka has of them           showing   as text that is safe to look at
mending   rules that put one right         judging   whether it would count by now
sending   each once, in a transaction with the note that it was sent
"""
