"""The one place that puts parts together: what the command line and other doors start from.

Each module gives what one kind of work needs, so a command imports what it uses and nothing else.
"""
