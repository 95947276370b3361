"""What keeps an installation well: its backup, and the doctor that looks at it."""
