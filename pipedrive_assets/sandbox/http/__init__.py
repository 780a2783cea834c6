"""The sandbox's API: routes, parameters, lists and rows in Pipedrive's format."""
