"""The invented company's data and the events that change it from day to day."""
