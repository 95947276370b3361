"""History decided anew: what would have happened under another policy."""
