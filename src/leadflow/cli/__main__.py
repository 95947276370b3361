"""`python -m leadflow.cli` is the `leadflow` command."""

from leadflow.cli import main

if __name__ == "__main__":
    main()
