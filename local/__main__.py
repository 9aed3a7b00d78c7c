"""`python -m local`: what the shell script `rendio` runs in the virtualenv it keeps."""

from local.cli import main

if __name__ == "__main__":
    main()
