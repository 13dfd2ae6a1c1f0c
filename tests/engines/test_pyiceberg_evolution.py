"""PyIceberg: schemas, partition specs and sort orders change, and rows written before are still read."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table.sorting import SortField, SortOrder
from pyiceberg.transforms import BucketTransform, DayTransform, IdentityTransform, MonthTransform, TruncateTransform
from pyiceberg.types import DecimalType, LongType, NestedField, StringType, StructType, TimestampType

from pyiceberg_client import PEOPLE, catalog_for, ids, more, people
from weir_process import Principal, Ready

EVENTS = Schema(
    NestedField(10, "id", LongType(), required=True),
    NestedField(20, "kind", StringType(), required=False),
    NestedField(30, "at", TimestampType(), required=False),
)


@pytest.fixture(scope="module")
def catalog(ready: Ready, spark: Principal) -> RestCatalog:
    return catalog_for(ready, spark)


@pytest.fixture
def space(catalog: RestCatalog, namespace_name: str) -> str:
    catalog.create_namespace(namespace_name)
    return namespace_name


def _events(*rows: tuple[int, str, str]) -> pa.Table:
    table = pa.Table.from_pylist([{"id": number, "kind": kind, "at": at} for number, kind, at in rows])
    schema = pa.schema([pa.field("id", pa.int64(), nullable=False), ("kind", pa.string()), ("at", pa.timestamp("us"))])
    at = pa.compute.strptime(table["at"], "%Y-%m-%d", "us")
    return pa.table([table["id"], table["kind"], at], schema=schema)


def test_a_column_is_added_and_old_rows_have_none_of_it(catalog: RestCatalog, space: str) -> None:
    table = people(catalog, f"{space}.people")
    with table.update_schema() as change:
        change.add_column("email", StringType(), doc="where to write to")
        change.add_column("address", StructType(NestedField(0, "city", StringType(), required=False)))
    found = catalog.load_table(f"{space}.people")
    assert found.schema().find_field("email").doc == "where to write to"
    assert found.scan().to_arrow()["email"].to_pylist() == [None, None, None]
    with found.update_schema() as change:
        change.add_column(("address", "zip"), LongType())
    assert catalog.load_table(f"{space}.people").schema().find_field("address.zip").field_type == LongType()


def test_a_renamed_column_keeps_its_id_and_its_values(catalog: RestCatalog, space: str) -> None:
    table = people(catalog, f"{space}.people")
    before = table.schema().find_field("name").field_id
    with table.update_schema() as change:
        change.rename_column("name", "full_name")
    found = catalog.load_table(f"{space}.people")
    assert found.schema().find_field("full_name").field_id == before
    assert set(found.scan().to_arrow()["full_name"].to_pylist()) == {"ada", "grace", None}


def test_types_are_widened(catalog: RestCatalog, space: str) -> None:
    table = people(catalog, f"{space}.people")
    with table.update_schema() as change:
        change.update_column("age", field_type=LongType())
        change.update_column("paid", field_type=DecimalType(20, 2))
    rows = catalog.load_table(f"{space}.people").scan().to_arrow().sort_by("id")
    assert rows["age"].type == pa.int64()
    assert rows["paid"].to_pylist() == [Decimal("10.00"), None, Decimal("30.25")]


def test_a_deleted_column_made_again_is_another_one(catalog: RestCatalog, space: str) -> None:
    table = people(catalog, f"{space}.people")
    before = table.schema().find_field("score").field_id
    with table.update_schema() as change:
        change.delete_column("score")
    assert "score" not in catalog.load_table(f"{space}.people").schema().column_names
    with table.update_schema() as change:
        change.add_column("score", StringType())
    found = catalog.load_table(f"{space}.people")
    assert found.schema().find_field("score").field_id > before
    assert found.scan().to_arrow()["score"].to_pylist() == [None, None, None]


def test_columns_are_reordered(catalog: RestCatalog, space: str) -> None:
    table = people(catalog, f"{space}.people")
    with table.update_schema() as change:
        change.move_first("age")
        change.move_after("name", "paid")
    assert catalog.load_table(f"{space}.people").schema().column_names == ["age", "id", "score", "paid", "name"]
    assert ids(table) == [1, 2, 3]


def test_a_required_column_becomes_optional(catalog: RestCatalog, space: str) -> None:
    table = catalog.create_table(f"{space}.events", schema=EVENTS)
    assert table.schema().find_field("id").required
    with table.update_schema() as change:
        change.make_column_optional("id")
    assert not catalog.load_table(f"{space}.events").schema().find_field("id").required


def test_identifier_fields_are_kept(catalog: RestCatalog, space: str) -> None:
    table = catalog.create_table(f"{space}.events", schema=EVENTS)
    with table.update_schema() as change:
        change.set_identifier_fields("id")
    assert catalog.load_table(f"{space}.events").schema().identifier_field_names() == {"id"}


def test_a_schema_by_union_takes_what_is_new(catalog: RestCatalog, space: str) -> None:
    table = people(catalog, f"{space}.people")
    wider = PEOPLE.append_column("city", pa.array(["Bern", "Genf", None]))
    with table.update_schema() as change:
        change.union_by_name(wider.schema)
    table.append(wider)
    assert catalog.load_table(f"{space}.people").scan(row_filter="city = 'Bern'").to_arrow()["id"].to_pylist() == [1]


def test_of_two_schema_changes_at_once_one_is_refused(catalog: RestCatalog, space: str) -> None:
    people(catalog, f"{space}.people")
    one, two = (catalog.load_table(f"{space}.people") for _ in range(2))
    first, second = one.update_schema(), two.update_schema()
    first.add_column("a", LongType())
    second.add_column("b", LongType())
    first.commit()
    with pytest.raises(CommitFailedException):
        second.commit()
    assert catalog.load_table(f"{space}.people").schema().column_names == [*PEOPLE.schema.names, "a"]


def test_an_append_passes_a_schema_change(catalog: RestCatalog, space: str) -> None:
    people(catalog, f"{space}.people")
    writer, steward = (catalog.load_table(f"{space}.people") for _ in range(2))
    with steward.update_schema() as change:
        change.add_column("a", LongType())
    writer.append(more(4))
    assert ids(catalog.load_table(f"{space}.people")) == [1, 2, 3, 4]


def test_field_ids_are_assigned_by_the_catalog(catalog: RestCatalog, space: str) -> None:
    spec = PartitionSpec(PartitionField(30, 1234, DayTransform(), "day"))
    order = SortOrder(SortField(20, IdentityTransform()))
    table = catalog.create_table(f"{space}.events", schema=EVENTS, partition_spec=spec, sort_order=order)
    assert [field.field_id for field in table.schema().fields] == [1, 2, 3]
    assert [(field.source_id, field.field_id) for field in table.spec().fields] == [(3, 1000)]
    assert [field.source_id for field in table.sort_order().fields] == [2]


def test_partitions_prune_and_the_spec_evolves(catalog: RestCatalog, space: str) -> None:
    spec = PartitionSpec(PartitionField(20, 1000, IdentityTransform(), "kind"))
    table = catalog.create_table(f"{space}.events", schema=EVENTS, partition_spec=spec)
    table.append(_events((1, "click", "2020-01-01"), (2, "view", "2020-02-01")))
    assert len(list(table.scan(row_filter="kind = 'click'").plan_files())) == 1
    with table.update_spec() as change:
        change.remove_field("kind")
        change.add_field("at", MonthTransform(), "month")
        change.add_field("id", BucketTransform(4), "bucket")
    table = catalog.load_table(f"{space}.events")
    table.append(_events((3, "click", "2020-03-01"), (4, "view", "2020-04-01")))
    found = catalog.load_table(f"{space}.events")
    assert {len(spec.fields) for spec in found.specs().values()} == {1, 2}
    assert [field.name for field in found.spec().fields] == ["month", "bucket"]
    assert ids(found) == [1, 2, 3, 4]
    assert ids(found, row_filter="at >= '2020-03-15T00:00:00'") == [4]
    with found.update_spec() as change:
        change.rename_field("bucket", "hash")
        change.add_field("kind", TruncateTransform(2), "prefix")
    assert [field.name for field in catalog.load_table(f"{space}.events").spec().fields] == ["month", "hash", "prefix"]


def test_a_dynamic_overwrite_replaces_the_partitions_it_has_rows_for(catalog: RestCatalog, space: str) -> None:
    spec = PartitionSpec(PartitionField(20, 1000, IdentityTransform(), "kind"))
    table = catalog.create_table(f"{space}.events", schema=EVENTS, partition_spec=spec)
    table.append(_events((1, "click", "2020-01-01"), (2, "view", "2020-02-01")))
    table.dynamic_partition_overwrite(_events((3, "view", "2020-03-01")))
    assert ids(catalog.load_table(f"{space}.events")) == [1, 3]


def test_a_sort_order_is_set(catalog: RestCatalog, space: str) -> None:
    table = people(catalog, f"{space}.people")
    assert table.sort_order().is_unsorted
    with table.update_sort_order() as change:
        change.desc("score", IdentityTransform())
        change.asc("id", IdentityTransform())
    found = catalog.load_table(f"{space}.people")
    assert [field.source_id for field in found.sort_order().fields] == [3, 1]
    assert found.sort_order().order_id >= 1


def test_a_table_of_version_1_is_upgraded_and_never_downgraded(catalog: RestCatalog, space: str) -> None:
    table = catalog.create_table(f"{space}.people", schema=PEOPLE.schema, properties={"format-version": "1"})
    assert table.format_version == 1
    table.append(PEOPLE)
    with table.transaction() as change:
        change.upgrade_table_version(2)
    found = catalog.load_table(f"{space}.people")
    assert found.format_version == 2
    assert "format-version" not in found.properties
    found.append(more(4))
    assert ids(catalog.load_table(f"{space}.people")) == [1, 2, 3, 4]
