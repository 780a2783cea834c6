"""The invented company: its rows, and how they change from day to day."""
