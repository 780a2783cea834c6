export default {
  title: "Sales",
  root: "src",
  style: "style.css",
  pages: [
    { name: "Pipeline", path: "/pipeline" },
    { name: "Movements", path: "/movements" },
    { name: "Forecast", path: "/forecast" },
    { name: "Data hygiene", path: "/hygiene" },
  ],
  home: "Overview",
  // Each file src/queries/<name>.json.sql is a query; the pages read its rows as queries/<name>.json.
  interpreters: { ".sql": ["python3", "query.py"] },
  globalStylesheets: [], // no fonts from the network
  pager: false,
  toc: false,
  footer: "Amounts are in the currency of the deals and are not converted. Days and months are in UTC.",
};
