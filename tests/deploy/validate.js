// validate.js DIRECTORY: with the packages there, reads {"documents": [...]} from standard input and writes
// [{"document": INDEX, "error": TEXT}, ...].
//
// The schemas are those that Kubernetes publishes (OpenAPI), as validators made from them. They let fields pass that they
// do not know, which an API server would not: a document is shown to its validator through a proxy that remembers which
// fields were looked at, and what is left is unknown.
"use strict";

const fs = require("fs");
const path = require("path");

const PACKAGES = ["kubernetes-models", "@kubernetes-models/cert-manager", "@kubernetes-models/prometheus-operator"];

function modelOf(document) {
  const [group, version] = document.apiVersion.includes("/") ? document.apiVersion.split("/") : ["", document.apiVersion];
  for (const name of PACKAGES) {
    const file = path.join(process.argv[2], "node_modules", name, group, version, `${document.kind}.js`);
    if (fs.existsSync(file)) return require(file)[document.kind];
  }
  return null;
}

// What the validator looked at, by object.
class Observed {
  constructor() {
    this.seen = new Map();
    this.proxies = new Map();
  }

  of(value) {
    if (value === null || typeof value !== "object") return value;
    if (this.proxies.has(value)) return this.proxies.get(value);
    const seen = new Set();
    const proxy = new Proxy(value, {
      get: (target, key) => {
        seen.add(key);
        return this.of(target[key]);
      },
      ownKeys: (target) => {
        for (const key of Object.keys(target)) seen.add(key);
        return Reflect.ownKeys(target);
      },
    });
    this.seen.set(value, seen);
    this.proxies.set(value, proxy);
    return proxy;
  }

  unknown(value, place = "") {
    const seen = this.seen.get(value);
    // What a schema leaves open is not looked into.
    if (seen === undefined || seen.size === 0) return [];
    return Object.keys(value).flatMap((key) =>
      seen.has(key) ? this.unknown(value[key], `${place}/${key}`) : [`${place}/${key}: not in the schema`]);
  }
}

function errorsOf(document) {
  const Model = modelOf(document);
  if (Model === null) return [`there is no schema of ${document.apiVersion} ${document.kind}`];
  const observed = new Observed();
  try {
    Model.prototype.validate.call(observed.of(document));
  } catch (error) {
    return [error.message];
  }
  return observed.unknown(document);
}

const { documents } = JSON.parse(fs.readFileSync(0, "utf8"));
const found = documents.flatMap((document, index) => errorsOf(document).map((error) => ({ document: index, error })));
process.stdout.write(JSON.stringify(found));
