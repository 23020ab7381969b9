"""`python -m export.tiny`: the table of small models."""

import sys

from .table import main

sys.exit(main())
