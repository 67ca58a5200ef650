"""Decisions only: plain synchronous Python over values, with `now` as an argument. See DESIGN.md beside this file."""
