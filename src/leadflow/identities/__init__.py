"""Who somebody is: accounts, API tokens, sessions, signing in by a company's own provider, throttling.

What is kept here is no fact: it stands in the schema `records`, is never rebuilt, and is in the backup.
"""
