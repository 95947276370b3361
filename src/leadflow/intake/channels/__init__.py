"""The channels whose arrivals come over HTTP: one module each, pure, and the table of their kinds.

A module says what arrives (with an example and its source), how it is authenticated, which documents
`ArrivalReader` reads of it, and what its sender is answered.
"""
