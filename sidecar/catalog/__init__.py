"""Products: their records, pictures and sizes."""
