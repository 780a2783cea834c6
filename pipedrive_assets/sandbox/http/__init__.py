"""The sandbox as an API: routes, parameters, lists and rows as Pipedrive returns them."""
