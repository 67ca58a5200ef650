"""The fleet as it changes, for those who look on: pictures, their differences, and one stream of both."""
