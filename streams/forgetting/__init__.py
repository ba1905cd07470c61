"""A person who asks to be forgotten: what is written then, and what still names them where."""
