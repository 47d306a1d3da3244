"""spindle-token's tokens (OPPRL version 2) of each record: JSON lines in, JSON lines out. In the peer's environment.

    python spindle_party.py in.jsonl out.jsonl     prints its version and how many tokens stood for "rule not met"

As openlinktoken_party.py. It runs on a Spark of this process alone, which listens on the loopback. A token whose
fields are missing or not valid is null there, and left out here. Tokens 11 to 13 (e-mail, health plan) have no field.
"""

import json
import os
import sys
from importlib.metadata import version

import spindle_token
from pyspark.sql import SparkSession
from pyspark.sql.types import StringType, StructField, StructType
from spindle_token.opprl import OpprlV2

FIELDS = {
    "given_name": OpprlV2.first_name,
    "family_name": OpprlV2.last_name,
    "sex": OpprlV2.gender,
    "birth_date": OpprlV2.birth_date,
    "phone": OpprlV2.phone,
    "id_number": OpprlV2.ssn,
}
"""Our field -> theirs."""

TOKENS = [getattr(OpprlV2, f"token{number}") for number in range(1, 11)]


def session(folder: str) -> SparkSession:
    os.environ.update(PYSPARK_PYTHON=sys.executable, PYSPARK_DRIVER_PYTHON=sys.executable, SPARK_LOCAL_IP="127.0.0.1")
    builder = SparkSession.builder.master("local[2]").appName("quality")
    for name, value in {
        "spark.ui.enabled": "false",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.local.dir": folder,
        "spark.sql.warehouse.dir": folder,
        "spark.sql.shuffle.partitions": "2",
        "spark.log.level": "OFF",
    }.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def main(source: str, target: str) -> None:
    with open(source, encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    spark = session(os.path.dirname(os.path.abspath(target)))
    names = ["id", *FIELDS]
    shape = StructType([StructField(name, StringType()) for name in names])
    table = spark.createDataFrame([tuple(row.get(name) or None for name in names) for row in rows], shape)
    private, _ = spindle_token.generate_pem_keys()
    made = spindle_token.tokenize(table, {theirs: ours for ours, theirs in FIELDS.items()}, TOKENS, private)
    unmet = 0
    with open(target, "w", encoding="utf-8") as out:
        for row in made.select("id", *(token.name for token in TOKENS)).collect():
            kept = {token.name: row[token.name] for token in TOKENS if row[token.name] is not None}
            unmet += len(TOKENS) - len(kept)
            out.write(json.dumps({"id": row["id"], "tokens": kept}) + "\n")
    spark.stop()
    print(json.dumps({"version": version("spindle-token"), "unmet": unmet}))


if __name__ == "__main__":
    main(*sys.argv[1:])
