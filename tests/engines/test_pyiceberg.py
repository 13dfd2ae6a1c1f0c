"""PyIceberg: namespaces, tables, rows and snapshots."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import pyarrow as pa
import pytest
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.exceptions import (
    BadRequestError,
    NamespaceAlreadyExistsError,
    NamespaceNotEmptyError,
    NoSuchNamespaceError,
    NoSuchTableError,
    RESTError,
    TableAlreadyExistsError,
)
from pyiceberg.types import LongType

from pyiceberg_client import PEOPLE, catalog_for, ids, more, people
from weir_process import Principal, Ready, Weir


@pytest.fixture(scope="module")
def catalog(ready: Ready, spark: Principal) -> RestCatalog:
    return catalog_for(ready, spark)


@pytest.fixture
def space(catalog: RestCatalog, namespace_name: str) -> str:
    catalog.create_namespace(namespace_name)
    return namespace_name


def test_a_namespace_is_created_listed_and_dropped(catalog: RestCatalog, namespace_name: str) -> None:
    assert not catalog.namespace_exists(namespace_name)
    catalog.create_namespace(namespace_name)
    assert catalog.namespace_exists(namespace_name)
    assert (namespace_name,) in catalog.list_namespaces()
    with pytest.raises(NamespaceAlreadyExistsError):
        catalog.create_namespace(namespace_name)
    catalog.create_namespace_if_not_exists(namespace_name)
    catalog.drop_namespace(namespace_name)
    assert (namespace_name,) not in catalog.list_namespaces()
    with pytest.raises(NoSuchNamespaceError):
        catalog.drop_namespace(namespace_name)


def test_namespaces_nest(catalog: RestCatalog, space: str) -> None:
    catalog.create_namespace((space, "emea"))
    catalog.create_namespace((space, "emea", "dach"))
    assert catalog.list_namespaces((space,)) == [(space, "emea")]
    assert catalog.list_namespaces((space, "emea")) == [(space, "emea", "dach")]
    assert (space, "emea") not in catalog.list_namespaces()
    people(catalog, (space, "emea", "dach", "people"))
    assert catalog.list_tables((space, "emea", "dach")) == [(space, "emea", "dach", "people")]
    assert catalog.list_tables((space, "emea")) == []
    assert ids(catalog.load_table((space, "emea", "dach", "people"))) == [1, 2, 3]


def test_a_namespace_below_one_that_does_not_exist_is_refused(catalog: RestCatalog, namespace_name: str) -> None:
    with pytest.raises((NoSuchNamespaceError, RESTError)):
        catalog.create_namespace((namespace_name, "child"))
    assert not catalog.namespace_exists(namespace_name)


def test_a_namespace_with_a_table_is_not_dropped(catalog: RestCatalog, space: str) -> None:
    people(catalog, f"{space}.people")
    with pytest.raises(NamespaceNotEmptyError):
        catalog.drop_namespace(space)
    assert catalog.table_exists(f"{space}.people")


def test_namespace_properties_are_set_and_removed(catalog: RestCatalog, namespace_name: str) -> None:
    catalog.create_namespace(namespace_name, {"team": "red", "tier": "1"})
    assert {"team": "red", "tier": "1"}.items() <= catalog.load_namespace_properties(namespace_name).items()
    summary = catalog.update_namespace_properties(namespace_name, removals={"tier", "absent"}, updates={"team": "blue"})
    assert (summary.removed, summary.updated, summary.missing) == (["tier"], ["team"], ["absent"])
    found = catalog.load_namespace_properties(namespace_name)
    assert found["team"] == "blue"
    assert "tier" not in found


def test_an_unknown_namespace_is_said_to_be_unknown(catalog: RestCatalog, namespace_name: str) -> None:
    with pytest.raises(NoSuchNamespaceError):
        catalog.load_namespace_properties(namespace_name)
    with pytest.raises(NoSuchNamespaceError):
        catalog.list_tables(namespace_name)
    with pytest.raises(NoSuchNamespaceError):
        catalog.list_namespaces(namespace_name)
    with pytest.raises(NoSuchNamespaceError):
        catalog.create_table(f"{namespace_name}.people", schema=PEOPLE.schema)


def test_rows_come_back_as_they_were_written(catalog: RestCatalog, space: str) -> None:
    table = people(catalog, f"{space}.people")
    assert table.scan().to_arrow().sort_by("id").to_pylist() == PEOPLE.to_pylist()
    assert catalog.load_table(f"{space}.people").scan().to_pandas()["id"].tolist() == [1, 2, 3]
    assert table.scan().count() == 3


def test_filters_projections_and_limits_hold(catalog: RestCatalog, space: str) -> None:
    table = people(catalog, f"{space}.people")
    assert ids(table, row_filter="id > 1 and score < 3") == [2]
    assert ids(table, row_filter="name is null") == [3]
    assert ids(table, row_filter="name in ('ada', 'grace')") == [1, 2]
    assert table.scan(selected_fields=("name",)).to_arrow().schema.names == ["name"]
    assert table.scan(limit=2).to_arrow().num_rows == 2


def test_all_types_make_the_round_trip(catalog: RestCatalog, space: str) -> None:
    rows = pa.table(
        {
            "flag": pa.array([True, None]),
            "day": pa.array([datetime(2020, 1, 2).date(), None], pa.date32()),
            "at": pa.array([datetime(2020, 1, 2, 3, 4, 5), None], pa.timestamp("us")),
            "at_utc": pa.array([datetime(2020, 1, 2, 3, 4, 5), None], pa.timestamp("us", tz="UTC")),
            "clock": pa.array([timedelta(hours=1) // timedelta(microseconds=1), None], pa.time64("us")),
            "raw": pa.array([b"\x00\x01", None], pa.binary()),
            "fixed": pa.array([b"abcd", None], pa.binary(4)),
            "tags": pa.array([["a", "b"], None], pa.list_(pa.string())),
            "address": pa.array(
                [{"city": "Bern", "zip": 3000}, None], pa.struct([("city", pa.string()), ("zip", pa.int32())])
            ),
            "counts": pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int64())),
        }
    )
    table = catalog.create_table(f"{space}.types", schema=rows.schema)
    table.append(rows)
    assert catalog.load_table(f"{space}.types").scan().to_arrow().to_pylist() == rows.to_pylist()


def test_a_table_is_found_until_it_is_dropped(catalog: RestCatalog, space: str) -> None:
    identifier = f"{space}.people"
    assert not catalog.table_exists(identifier)
    people(catalog, identifier)
    assert catalog.table_exists(identifier)
    assert catalog.list_tables(space) == [(space, "people")]
    with pytest.raises(TableAlreadyExistsError):
        catalog.create_table(identifier, schema=PEOPLE.schema)
    catalog.drop_table(identifier)
    assert not catalog.table_exists(identifier)
    assert catalog.list_tables(space) == []
    with pytest.raises(NoSuchTableError):
        catalog.load_table(identifier)
    with pytest.raises(NoSuchTableError):
        catalog.drop_table(identifier)


def test_a_table_made_again_is_another_one(catalog: RestCatalog, space: str) -> None:
    first = people(catalog, f"{space}.people")
    catalog.drop_table(f"{space}.people")
    second = catalog.create_table(f"{space}.people", schema=PEOPLE.schema)
    assert second.metadata.table_uuid != first.metadata.table_uuid
    assert second.location() != first.location()
    assert second.scan().to_arrow().num_rows == 0


def test_a_purged_table_is_gone(catalog: RestCatalog, space: str) -> None:
    people(catalog, f"{space}.people")
    catalog.purge_table(f"{space}.people")
    assert not catalog.table_exists(f"{space}.people")
    catalog.create_table(f"{space}.people", schema=PEOPLE.schema)


def test_a_renamed_table_keeps_what_it_is(catalog: RestCatalog, space: str) -> None:
    before = people(catalog, f"{space}.people")
    catalog.create_namespace((space, "archive"))
    after = catalog.rename_table(f"{space}.people", (space, "archive", "persons"))
    assert after.metadata.table_uuid == before.metadata.table_uuid
    assert after.location() == before.location()
    assert ids(after) == [1, 2, 3]
    assert not catalog.table_exists(f"{space}.people")
    after.append(more(4))
    assert ids(catalog.load_table((space, "archive", "persons"))) == [1, 2, 3, 4]


def test_a_rename_onto_another_table_is_refused(catalog: RestCatalog, space: str) -> None:
    people(catalog, f"{space}.one")
    people(catalog, f"{space}.two")
    with pytest.raises(TableAlreadyExistsError):
        catalog.rename_table(f"{space}.one", f"{space}.two")
    with pytest.raises(NoSuchTableError):
        catalog.rename_table(f"{space}.absent", f"{space}.three")
    assert catalog.list_tables(space) == [(space, "one"), (space, "two")]


def test_properties_are_set_and_removed(catalog: RestCatalog, space: str) -> None:
    table = catalog.create_table(f"{space}.people", schema=PEOPLE.schema, properties={"owner.team": "red"})
    with table.transaction() as change:
        change.set_properties({"write.parquet.compression-codec": "zstd", "comment": "ünïcödé ✓"})
    found = catalog.load_table(f"{space}.people").properties
    assert found["owner.team"] == "red"
    assert found["comment"] == "ünïcödé ✓"
    with table.transaction() as change:
        change.remove_properties("owner.team")
    assert "owner.team" not in catalog.load_table(f"{space}.people").properties


def test_properties_that_would_steer_a_client_are_refused(catalog: RestCatalog, space: str) -> None:
    for name in ("s3.endpoint", "py-io-impl", "token", "uri"):
        with pytest.raises(BadRequestError):
            catalog.create_table(f"{space}.bad", schema=PEOPLE.schema, properties={name: "http://127.0.0.1:9"})
    table = catalog.create_table(f"{space}.good", schema=PEOPLE.schema)
    with pytest.raises(BadRequestError):
        table.transaction().set_properties({"s3.endpoint": "http://127.0.0.1:9"}).commit_transaction()
    assert not catalog.table_exists(f"{space}.bad")


def test_overwrite_and_delete_change_just_the_rows_they_name(catalog: RestCatalog, space: str) -> None:
    table = people(catalog, f"{space}.people")
    table.overwrite(more(7), overwrite_filter="id = 2")
    assert ids(table) == [1, 3, 7]
    table.delete("id = 3")
    assert ids(catalog.load_table(f"{space}.people")) == [1, 7]
    table.overwrite(more(9))
    assert ids(catalog.load_table(f"{space}.people")) == [9]


def test_upsert_updates_what_matches_and_inserts_the_rest(catalog: RestCatalog, space: str) -> None:
    table = people(catalog, f"{space}.people")
    result = table.upsert(more(2, 5), join_cols=["id"])
    assert (result.rows_updated, result.rows_inserted) == (1, 1)
    assert ids(catalog.load_table(f"{space}.people")) == [1, 2, 3, 5]
    assert ids(table, row_filter="id = 2 and name is null") == [2]


def test_a_transaction_is_one_commit(catalog: RestCatalog, space: str) -> None:
    table = people(catalog, f"{space}.people")
    location = table.metadata_location
    with table.transaction() as change:
        change.append(more(4))
        change.append(more(5))
        change.set_properties({"done": "yes"})
        with change.update_schema() as schema:
            schema.add_column("extra", LongType())
        assert ids(catalog.load_table(f"{space}.people")) == [1, 2, 3]
    found = catalog.load_table(f"{space}.people")
    assert ids(found) == [1, 2, 3, 4, 5]
    assert found.properties["done"] == "yes"
    assert [entry.metadata_file for entry in found.metadata.metadata_log][-1] == location


def test_a_transaction_that_fails_halfway_changes_nothing(catalog: RestCatalog, space: str) -> None:
    table = people(catalog, f"{space}.people")
    with pytest.raises(RuntimeError, match="stop"), table.transaction() as change:
        change.append(more(4))
        raise RuntimeError("stop")
    assert ids(catalog.load_table(f"{space}.people")) == [1, 2, 3]


def test_earlier_snapshots_are_read(catalog: RestCatalog, space: str) -> None:
    table = people(catalog, f"{space}.people")
    first = table.current_snapshot()
    assert first is not None
    table.append(more(4))
    found = catalog.load_table(f"{space}.people")
    assert [entry.snapshot_id for entry in found.history()] == [snapshot.snapshot_id for snapshot in found.snapshots()]
    assert ids(found, snapshot_id=first.snapshot_id) == [1, 2, 3]
    assert ids(found) == [1, 2, 3, 4]


def test_branches_and_tags_are_made_moved_and_removed(catalog: RestCatalog, space: str) -> None:
    table = people(catalog, f"{space}.people")
    first = table.current_snapshot()
    assert first is not None
    table.manage_snapshots().create_tag(first.snapshot_id, "v1", max_ref_age_ms=86_400_000).commit()
    table.manage_snapshots().create_branch(first.snapshot_id, "audit", min_snapshots_to_keep=2).commit()
    refs = catalog.load_table(f"{space}.people").refs()
    assert refs["v1"].max_ref_age_ms == 86_400_000
    assert refs["audit"].min_snapshots_to_keep == 2
    table.append(more(4), branch="audit")  # This client names no retention here, so that of the branch ends.
    found = catalog.load_table(f"{space}.people")
    assert sorted(found.scan().use_ref("audit").to_arrow()["id"].to_pylist()) == [1, 2, 3, 4]
    assert sorted(found.scan().use_ref("v1").to_arrow()["id"].to_pylist()) == [1, 2, 3]
    assert ids(found) == [1, 2, 3]
    found.manage_snapshots().remove_tag("v1").remove_branch("audit").commit()
    assert set(catalog.load_table(f"{space}.people").refs()) == {"main"}


def test_a_rollback_shows_the_rows_of_before(catalog: RestCatalog, space: str) -> None:
    table = people(catalog, f"{space}.people")
    first = table.current_snapshot()
    assert first is not None
    table.append(more(4))
    table.manage_snapshots().rollback_to_snapshot(first.snapshot_id).commit()
    found = catalog.load_table(f"{space}.people")
    assert ids(found) == [1, 2, 3]
    found.append(more(5))
    assert ids(catalog.load_table(f"{space}.people")) == [1, 2, 3, 5]


def test_snapshots_expire(catalog: RestCatalog, space: str) -> None:
    table = people(catalog, f"{space}.people")
    for number in (4, 5):
        table.append(more(number))
    time.sleep(0.01)  # `older_than` compares milliseconds.
    table.maintenance.expire_snapshots().older_than(datetime.now()).commit()
    found = catalog.load_table(f"{space}.people")
    assert len(found.snapshots()) == 1
    assert ids(found) == [1, 2, 3, 4, 5]
    assert [entry.snapshot_id for entry in found.history()] == [found.snapshots()[0].snapshot_id]


def test_a_staged_table_is_seen_by_nobody_until_it_is_committed(catalog: RestCatalog, space: str) -> None:
    identifier = f"{space}.people"
    staged = catalog.create_table_transaction(identifier, schema=PEOPLE.schema, properties={"a": "b"})
    assert not catalog.table_exists(identifier)
    staged.append(PEOPLE)
    assert not catalog.table_exists(identifier)
    table = staged.commit_transaction()
    found = catalog.load_table(identifier)
    assert found.metadata.table_uuid == table.metadata.table_uuid
    assert ids(found) == [1, 2, 3]
    assert found.properties["a"] == "b"


def test_of_two_staged_tables_with_one_name_the_second_is_refused(catalog: RestCatalog, space: str) -> None:
    identifier = f"{space}.people"
    first = catalog.create_table_transaction(identifier, schema=PEOPLE.schema)
    second = catalog.create_table_transaction(identifier, schema=PEOPLE.schema)
    first.append(PEOPLE)
    second.append(more(9))
    first.commit_transaction()
    with pytest.raises(Exception, match="(?i)exist|conflict|requirement"):
        second.commit_transaction()
    assert ids(catalog.load_table(identifier)) == [1, 2, 3]


def test_metadata_is_registered_under_another_name(catalog: RestCatalog, space: str) -> None:
    table = people(catalog, f"{space}.people")
    location = table.metadata_location
    with pytest.raises(RESTError):
        catalog.register_table(f"{space}.twin", location)  # Two tables with one place would purge each other's files.
    # The client has no call for it.
    unregister = catalog.url(f"namespaces/{space}/tables/people/unregister")
    catalog._session.post(unregister).raise_for_status()
    again = catalog.register_table(f"{space}.again", location)
    assert ids(again) == [1, 2, 3]
    assert again.metadata.table_uuid == table.metadata.table_uuid
    again.append(more(4))
    assert ids(catalog.load_table(f"{space}.again")) == [1, 2, 3, 4]


def test_a_dropped_table_keeps_its_place(catalog: RestCatalog, space: str) -> None:
    table = people(catalog, f"{space}.people")
    catalog.drop_table(f"{space}.people")
    with pytest.raises(RESTError):  # It may be undropped, and its files are purged when its time is over.
        catalog.register_table(f"{space}.again", table.metadata_location)


def test_a_register_of_what_is_not_there_is_refused(catalog: RestCatalog, space: str) -> None:
    table = people(catalog, f"{space}.people")
    for location in (
        table.metadata_location + ".absent",
        "file:///etc/passwd",
        "s3://elsewhere/metadata/0.metadata.json",
    ):
        with pytest.raises(RESTError):
            catalog.register_table(f"{space}.bad", location)
    assert not catalog.table_exists(f"{space}.bad")


def test_everything_is_there_after_a_restart(weir: Weir, catalog: RestCatalog, space: str) -> None:
    table = people(catalog, f"{space}.people")
    location = table.metadata_location
    weir.restart()
    assert catalog.load_table(f"{space}.people").metadata_location == location
    table.append(more(4))  # The handle, and the session with its token, are those of before.
    assert ids(catalog.load_table(f"{space}.people")) == [1, 2, 3, 4]
