"""What people and their scripts look at: the past, the present, what could be better, and a page that shows it."""
