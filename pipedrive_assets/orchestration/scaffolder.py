"""What `dg scaffold defs pipedrive_assets.PipedriveComponent <folder>` writes."""

import dagster as dg
from dagster.components import ScaffoldRequest
from pydantic import BaseModel, Field

from pipedrive_assets.config.files import API_TOKEN

PREFIX_HINT = (
    "# key_prefix: crm  # needed if the project has an asset named like a table, such as users"
)
DEFS_YAML = """\
type: {type_name}

attributes:
  {prefix}
  warehouse_key: pipedrive_warehouse  # resource key; often the project has a duckdb
  tables: default
  settings:
    api_token: "{{{{ env.{variable} }}}}"
    warehouse: data/warehouse.duckdb

requirements:
  env:
    - {variable}
"""


class ScaffoldParams(BaseModel):
    """Options of `dg scaffold defs`."""

    key_prefix: str | None = Field(default=None, description="Prefix of all asset keys.")
    token_variable: str = Field(
        default=API_TOKEN, description="The environment variable that has the API token."
    )


class PipedriveScaffolder(dg.Scaffolder[ScaffoldParams]):
    """Writes a `defs.yaml` that loads the default tables of one account."""

    @classmethod
    def get_scaffold_params(cls) -> type[ScaffoldParams]:
        """Return the options."""
        return ScaffoldParams

    def scaffold(self, request: ScaffoldRequest[ScaffoldParams]) -> None:
        """Write `defs.yaml`, or `component.py` if Python was requested."""
        if request.scaffold_format == "python":
            dg.scaffold_component(request)
            return
        given = request.params
        prefix = f"key_prefix: {given.key_prefix}" if given.key_prefix else PREFIX_HINT
        text = DEFS_YAML.format(
            type_name=request.type_name, prefix=prefix, variable=given.token_variable
        )
        if request.append:
            with request.target_path.open("a", encoding="utf-8") as file:
                file.write(f"---\n{text}")
        else:
            (request.target_path / "defs.yaml").write_text(text, encoding="utf-8")
