#!/usr/bin/env python3
"""Reads an export with PyYAML, independently of vbutler, for tests/e2e/exchange.sh.

    exports.py artifacts FILE DIR     makes a small file for every artifact that the export names
    exports.py base FILE OUT          writes an export with a record for every dimension value of its data IDs
    exports.py counts FILE...         prints what a repository has after importing them, sorted
    exports.py large N DIR            makes an export of N datasets, with files
"""
import collections
import os
import sys

import yaml


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    pass


def tagged(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    return loader.construct_mapping(node, deep=True)


Loader.add_multi_constructor("!", tagged)
Loader.add_multi_constructor("lsst.", tagged)
# Names and times as they stand there.
for letter, rules in list(yaml.SafeLoader.yaml_implicit_resolvers.items()):
    Loader.yaml_implicit_resolvers[letter] = [r for r in rules if r[0] != "tag:yaml.org,2002:timestamp"]


def load(path):
    with open(path) as stream:
        return yaml.load(stream, Loader)


def aslist(x):
    return x if isinstance(x, list) else [x]


def artifacts(path, out):
    for entry in load(path)["data"]:
        if entry["type"] != "dataset":
            continue
        for record in entry["records"]:
            name = os.path.join(out, record["path"])
            os.makedirs(os.path.dirname(name), exist_ok=True)
            with open(name, "w") as stream:
                stream.write(record["path"] + "\n")


KEYS = {"instrument": "name", "skymap": "name", "physical_filter": "name", "group": "name"}


def base(path, out):
    """The records that data IDs need, no more: universe 0."""
    wanted = collections.defaultdict(dict)
    for entry in load(path)["data"]:
        for record in entry.get("records", []) if entry["type"] == "dataset" else []:
            for d in aslist(record["data_id"]):
                for k, v in d.items():
                    if k in ("band", "visit_system") or k.startswith(("htm", "healpix")):
                        continue
                    if k in ("instrument", "skymap"):
                        key, row = v, {"name": v}
                    elif k == "patch":
                        key = d["skymap"], d["tract"], v
                        row = {"skymap": d["skymap"], "tract": d["tract"], "id": v, "cell_x": 0, "cell_y": 0}
                    elif k == "tract":
                        key, row = (d["skymap"], v), {"skymap": d["skymap"], "id": v}
                    else:
                        key, row = (d["instrument"], v), {"instrument": d["instrument"], KEYS.get(k, "id"): v}
                    if k == "physical_filter":
                        row["band"] = d.get("band", "r")
                    if k == "visit":
                        row.update(name="v%s" % v, physical_filter=d.get("physical_filter"), visit_system=0,
                                   seeing=1.0, datetime_begin="2013-06-17 13:29:11", datetime_end="2013-06-17 13:30:11")
                    if k == "detector":
                        row["full_name"] = "d%s" % v
                    wanted[k][key] = row
    for instrument, visit in list(wanted["visit"]):
        wanted["visit_system"][instrument] = {"instrument": instrument, "id": 0, "name": "one-to-one"}
    data = [{"type": "dimension", "element": k, "records": list(rows.values())} for k, rows in wanted.items() if rows]
    with open(out, "w") as stream:
        yaml.safe_dump({"description": "base", "version": "1.0.1", "data": data}, stream, sort_keys=False)


def count_records(doc, counts, known):
    """As they are in universe 8."""
    universe = doc.get("universe_version", 0)

    def add(element, *key):
        if (element, key) not in known:
            known.add((element, key))
            counts["records " + element] += 1

    for entry in doc["data"]:
        if entry["type"] != "dimension":
            continue
        for r in entry["records"]:
            element = entry["element"]
            key = [r[k] for k in ("instrument", "skymap", "tract") if k in r]
            key += [r[k] for k in ("id", "name", "exposure", "visit", "detector", "visit_system") if k in r][:3]
            if element in ("detector", "visit", "exposure", "visit_system", "day_obs", "tract", "patch"):
                key = [r[k] for k in ("instrument", "skymap", "tract", "id") if k in r]
            elif "name" in r:
                key = [r.get("instrument"), r["name"]]
            add(element, *key)
            if r.get("region"):
                if ("region", element, tuple(key)) not in known:
                    known.add(("region", element, tuple(key)))
                    counts["regions " + element] += 1
            if universe < 6 and element in ("visit", "exposure"):
                day = r.get("day_obs") or int(str(r["datetime_begin"])[:10].replace("-", ""))
                add("day_obs", r["instrument"], day)
            if universe < 6 and element == "exposure":
                add("group", r["instrument"], r["group_name"])
            if universe < 2 and element == "visit":
                add("visit_system_membership", r["instrument"], r["id"], r["visit_system"])


def counts(paths):
    result, known = collections.Counter(), set()
    for path in paths:
        doc = load(path)
        count_records(doc, result, known)
        for entry in doc["data"]:
            if entry["type"] == "collection":
                result["collections " + entry["collection_type"]] += 1
                result["children"] += len(entry.get("children", []))
            elif entry["type"] == "run":
                result["collections RUN"] += 1
            elif entry["type"] == "dataset_type":
                result["types"] += 1
            elif entry["type"] == "dataset":
                n = sum(len(aslist(r["dataset_id"])) for r in entry["records"])
                result["datasets %s %s" % (entry["dataset_type"], entry["run"])] += n
            elif entry["type"] == "associations" and entry["collection_type"] == "TAGGED":
                result["tagged " + entry["collection"]] += len(entry["dataset_ids"])
            elif entry["type"] == "associations":
                result["ranges " + entry["collection"]] += sum(len(r["dataset_ids"]) for r in entry["validity_ranges"])
    for key in sorted(result):
        if result[key]:
            print(key, result[key])


def large(n, out):
    os.makedirs(os.path.join(out, "files"), exist_ok=True)
    detectors, exposures = 100, (n + 99) // 100
    with open(os.path.join(out, "export.yaml"), "w") as s:
        s.write("description: Butler Data Repository Export\nversion: 1.0.2\nuniverse_version: 8\n"
                "universe_namespace: daf_butler\ndata:\n")
        s.write("- type: dimension\n  element: instrument\n  records:\n  - name: Cam\n    detector_max: 100\n")
        s.write("- type: dimension\n  element: detector\n  records:\n")
        for i in range(detectors):
            s.write("  - instrument: Cam\n    id: %d\n    full_name: d%d\n" % (i, i))
        s.write("- type: dimension\n  element: day_obs\n  records:\n  - instrument: Cam\n    id: 20260101\n")
        s.write("- type: dimension\n  element: physical_filter\n  records:\n"
                "  - instrument: Cam\n    name: r1\n    band: r\n")
        s.write("- type: dimension\n  element: group\n  records:\n  - instrument: Cam\n    name: g\n")
        s.write("- type: dimension\n  element: exposure\n  records:\n")
        for i in range(exposures):
            s.write("  - instrument: Cam\n    id: %d\n    day_obs: 20260101\n    group: g\n    physical_filter: r1\n"
                    "    obs_id: o%d\n" % (i, i))
        s.write("- type: collection\n  collection_type: RUN\n  name: raws\n  host: null\n  timespan_begin: null\n"
                "  timespan_end: null\n")
        s.write("- type: dataset_type\n  name: raw\n  dimensions:\n  - instrument\n  - detector\n  - exposure\n"
                "  storage_class: Exposure\n  is_calibration: false\n")
        s.write("- type: dataset\n  dataset_type: raw\n  run: raws\n  records:\n")
        for i in range(n):
            path = "files/%d/%d.fits" % (i // detectors, i)
            name = os.path.join(out, path)
            if i % detectors == 0:
                os.makedirs(os.path.dirname(name), exist_ok=True)
            with open(name, "w") as f:
                f.write("%d\n" % i)
            s.write("  - dataset_id:\n    - !uuid '019a0000-0000-7000-8000-%012x'\n    data_id:\n    - instrument: Cam\n"
                    "      detector: %d\n      exposure: %d\n    path: %s\n"
                    "    formatter: lsst.obs.base.formatters.fitsExposure.FitsExposureFormatter\n"
                    % (i, i % detectors, i // detectors, path))


if __name__ == "__main__":
    verb, args = sys.argv[1], sys.argv[2:]
    if verb == "artifacts":
        artifacts(*args)
    elif verb == "base":
        base(*args)
    elif verb == "counts":
        counts(args)
    else:
        large(int(args[0]), args[1])
