"""What a result looks like to others: one HTML page, JUnit XML, CSV; all read the JSON document of `report.py`."""
