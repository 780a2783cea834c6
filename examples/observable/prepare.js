// Runs before each build: the queries have to run again, and no build may need the network.

import { mkdirSync, rmSync } from "node:fs";

const CACHE = "src/.observablehq/cache";

// Observable Framework bundles optional libraries that no page here uses. It requests their newest
// versions from registry.npmjs.org, unless a folder in its cache names a version.
const UNUSED = [
  "@observablehq/plot@0.6.17",
  "@observablehq/sample-datasets@1.0.1",
  "apache-arrow@21.2.0",
  "arquero@8.0.3",
  "d3-dsv@3.0.2",
  "d3@7.9.2",
  "echarts@6.1.0",
  "htl@1.0.0",
  "leaflet@1.9.4",
  "lodash@4.18.1",
  "mapbox-gl@3.32.0",
  "parquet-wasm@0.8.0",
  "react-dom@19.3.1",
  "react@19.3.1",
  "topojson-client@3.1.0",
];

rmSync("dist", { recursive: true, force: true });
rmSync(CACHE, { recursive: true, force: true });
for (const version of UNUSED) mkdirSync(`${CACHE}/_npm/${version}`, { recursive: true });
