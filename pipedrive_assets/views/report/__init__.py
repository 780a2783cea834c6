"""The sales overview: charts on one HTML page."""
