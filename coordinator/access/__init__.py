"""Who may do what: one gate that judges each request before anything of its body is read."""
