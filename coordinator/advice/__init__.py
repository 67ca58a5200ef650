"""Which models nodes hold, how they are used, and which they would do well to hold: functions over values."""
