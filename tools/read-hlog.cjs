// Prints what hdr-histogram-js finds in a log: a line of JSON for each line.
const fs = require("fs");
const hdr = require("./.node/node_modules/hdr-histogram-js");

const reader = new hdr.HistogramLogReader(fs.readFileSync(process.argv[2], "utf8"));
for (let h; (h = reader.nextIntervalHistogram()) != null; ) {
  console.log(JSON.stringify({
    tag: h.tag, start_ms: h.startTimeStampMsec, end_ms: h.endTimeStampMsec, count: h.totalCount,
    p50: h.getValueAtPercentile(50), p90: h.getValueAtPercentile(90), p99: h.getValueAtPercentile(99), max: h.maxValue,
  }));
}
