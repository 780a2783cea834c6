"""The sandbox's API: routes, parameters, and rows as Pipedrive returns them."""
