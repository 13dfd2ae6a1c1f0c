"""PyIceberg beside the management API: who may do what, what people wrote, and what engines changed."""

from __future__ import annotations

import pytest
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.exceptions import ForbiddenError, NoSuchNamespaceError, NoSuchTableError, RESTError, UnauthorizedError
from pyiceberg.types import LongType, StringType

from management import Management
from pyiceberg_client import PEOPLE, catalog_for, ids, more, people
from weir_process import Principal, Ready

READER = ["SELECT"]
TWO = ("id", "name")


@pytest.fixture(scope="module")
def catalog(ready: Ready, spark: Principal) -> RestCatalog:
    return catalog_for(ready, spark)


@pytest.fixture
def space(catalog: RestCatalog, namespace_name: str) -> str:
    catalog.create_namespace(namespace_name)
    people(catalog, f"{namespace_name}.people")
    return namespace_name


def _field_ids(admin: Management, space: str, names: tuple[str, ...]) -> list[int]:
    columns = admin.columns(space, "people")
    return [columns[name]["field_id"] for name in names]


def test_who_was_granted_nothing_finds_no_warehouse(ready: Ready, stranger: Principal) -> None:
    with pytest.raises(RESTError, match="NoSuchWarehouse"):
        catalog_for(ready, stranger)


def test_who_was_granted_something_else_finds_nothing(ready: Ready, space: str, outsider: Principal) -> None:
    theirs = catalog_for(ready, outsider)
    with pytest.raises(NoSuchTableError):
        theirs.load_table(f"{space}.people")
    assert not theirs.table_exists(f"{space}.people")
    assert not theirs.namespace_exists(space)
    assert (space,) not in theirs.list_namespaces()
    with pytest.raises(NoSuchNamespaceError):
        theirs.list_tables(space)
    with pytest.raises(NoSuchTableError):
        theirs.drop_table(f"{space}.people")


def test_a_wrong_secret_is_refused(ready: Ready, spark: Principal) -> None:
    wrong = Principal("spark", "service", client_id=spark.client_id, client_secret="wrong")
    with pytest.raises((UnauthorizedError, RESTError), match="(?i)client|credential|401|unauth"):
        catalog_for(ready, wrong).list_namespaces()


def test_a_reader_reads_and_changes_nothing(
    ready: Ready, admin: Management, catalog: RestCatalog, space: str, stranger: Principal
) -> None:
    admin.grant(stranger.name, READER, space, "people")
    theirs = catalog_for(ready, stranger)
    table = theirs.load_table(f"{space}.people")
    assert ids(table) == [1, 2, 3]
    # The files come first, and its credential writes none.
    with pytest.raises(OSError, match="ACCESS_DENIED"):
        table.append(more(4))
    with pytest.raises(ForbiddenError), table.update_schema() as change:
        change.add_column("extra", LongType())
    with pytest.raises(ForbiddenError):
        theirs.drop_table(f"{space}.people")
    with pytest.raises(ForbiddenError):
        theirs.rename_table(f"{space}.people", f"{space}.mine")
    assert ids(catalog.load_table(f"{space}.people")) == [1, 2, 3]


def test_who_may_insert_appends_and_deletes_nothing(
    ready: Ready, admin: Management, catalog: RestCatalog, space: str, stranger: Principal
) -> None:
    admin.grant(stranger.name, ["SELECT", "INSERT"], space, "people")
    table = catalog_for(ready, stranger).load_table(f"{space}.people")
    table.append(more(4))
    with pytest.raises(ForbiddenError):
        table.delete("id = 1")
    with pytest.raises(ForbiddenError):
        table.overwrite(more(9))
    with pytest.raises(ForbiddenError):
        table.transaction().set_properties({"a": "b"}).commit_transaction()
    assert ids(catalog.load_table(f"{space}.people")) == [1, 2, 3, 4]


def test_select_on_two_of_five_columns_loads_just_these(
    ready: Ready, admin: Management, space: str, stranger: Principal
) -> None:
    admin.grant(stranger.name, READER, space, "people", _field_ids(admin, space, TWO))
    theirs = catalog_for(ready, stranger)
    table = theirs.load_table(f"{space}.people")
    assert table.schema().column_names == list(TWO)
    assert [schema.column_names for schema in table.schemas().values()] == [list(TWO)]
    text = table.metadata.model_dump_json()
    for hidden in ("score", "paid", "age"):
        assert f'"{hidden}"' not in text
    assert "file://" not in text
    assert theirs.list_tables(space) == [(space, "people")]


def test_a_restricted_caller_fails_instead_of_reading_no_rows(
    ready: Ready, admin: Management, space: str, stranger: Principal
) -> None:
    admin.grant(stranger.name, READER, space, "people", _field_ids(admin, space, TWO))
    table = catalog_for(ready, stranger).load_table(f"{space}.people")
    with pytest.raises(Exception, match="(?i)weir-restricted|scheme|unrecogni"):
        table.scan().to_arrow()


def test_a_restricted_caller_commits_nothing(
    ready: Ready, admin: Management, catalog: RestCatalog, space: str, stranger: Principal
) -> None:
    admin.grant(stranger.name, READER, space, "people", _field_ids(admin, space, TWO))
    table = catalog_for(ready, stranger).load_table(f"{space}.people")
    with pytest.raises(Exception, match="(?i)weir-restricted|scheme|unrecogni"):
        table.append(more(4).select(list(TWO)))
    with pytest.raises(ForbiddenError):
        table.transaction().set_properties({"a": "b"}).commit_transaction()
    assert ids(catalog.load_table(f"{space}.people")) == [1, 2, 3]
    assert "a" not in catalog.load_table(f"{space}.people").properties


def test_who_may_only_describe_sees_the_columns_and_reads_no_row(
    ready: Ready, admin: Management, space: str, stranger: Principal
) -> None:
    admin.grant(stranger.name, ["DESCRIBE"], space, "people")
    table = catalog_for(ready, stranger).load_table(f"{space}.people")
    assert table.schema().column_names == PEOPLE.schema.names
    with pytest.raises(Exception, match="(?i)weir-restricted|scheme|unrecogni|forbidden"):
        table.scan().to_arrow()


def test_a_grant_to_write_opens_no_column_to_read(
    ready: Ready, admin: Management, space: str, stranger: Principal
) -> None:
    admin.grant(stranger.name, READER, space, "people", _field_ids(admin, space, TWO))
    admin.grant(stranger.name, ["INSERT"], space, "people")
    table = catalog_for(ready, stranger).load_table(f"{space}.people")
    with pytest.raises(Exception, match="(?i)weir-restricted|scheme|unrecogni|forbidden"):
        table.scan(selected_fields=("age",)).to_arrow()


def test_a_revocation_holds_from_the_next_load_on(
    ready: Ready, admin: Management, space: str, stranger: Principal
) -> None:
    grant = admin.grant(stranger.name, READER, space, "people")
    theirs = catalog_for(ready, stranger)
    for _ in range(3):
        assert ids(theirs.load_table(f"{space}.people")) == [1, 2, 3]
    admin.revoke(grant)
    with pytest.raises(NoSuchTableError):
        theirs.load_table(f"{space}.people")
    admin.grant(stranger.name, READER, space, "people", _field_ids(admin, space, TWO))
    assert theirs.load_table(f"{space}.people").schema().column_names == list(TWO)


def test_column_grants_follow_a_rename(
    ready: Ready, admin: Management, catalog: RestCatalog, space: str, stranger: Principal
) -> None:
    admin.grant(stranger.name, READER, space, "people", _field_ids(admin, space, TWO))
    table = catalog.load_table(f"{space}.people")
    with table.update_schema() as change:
        change.rename_column("name", "full_name")
    with table.update_schema() as change:
        change.add_column("name", StringType())
    theirs = catalog_for(ready, stranger).load_table(f"{space}.people")
    assert theirs.schema().column_names == ["id", "full_name"]


def test_grants_follow_a_renamed_table_and_not_its_name(
    ready: Ready, admin: Management, catalog: RestCatalog, space: str, stranger: Principal
) -> None:
    admin.grant(stranger.name, READER, space, "people")
    catalog.rename_table(f"{space}.people", f"{space}.persons")
    people(catalog, f"{space}.people")
    theirs = catalog_for(ready, stranger)
    assert theirs.list_tables(space) == [(space, "persons")]
    with pytest.raises(NoSuchTableError):
        theirs.load_table(f"{space}.people")
    assert ids(theirs.load_table(f"{space}.persons")) == [1, 2, 3]


def test_definitions_survive_a_rename_by_an_engine(admin: Management, catalog: RestCatalog, space: str) -> None:
    admin.define(space, "people", "name", "How the person wants to be called.")
    before = admin.columns(space, "people")["name"]["field_id"]
    table = catalog.load_table(f"{space}.people")
    with table.update_schema() as change:
        change.rename_column("name", "full_name")
    after = admin.columns(space, "people")
    assert "name" not in after
    assert after["full_name"]["field_id"] == before
    assert after["full_name"]["business"]["definition"]["value"] == "How the person wants to be called."


def test_a_column_made_again_inherits_no_definition(admin: Management, catalog: RestCatalog, space: str) -> None:
    admin.define(space, "people", "name", "How the person wants to be called.")
    table = catalog.load_table(f"{space}.people")
    with table.update_schema() as change:
        change.delete_column("name")
    with table.update_schema() as change:
        change.add_column("name", StringType())
    assert admin.columns(space, "people")["name"]["business"].get("definition") is None


def test_schema_versions_name_the_engine_and_what_it_changed(
    admin: Management, catalog: RestCatalog, space: str, spark: Principal
) -> None:
    table = catalog.load_table(f"{space}.people")
    with table.update_schema() as change:
        change.rename_column("name", "full_name")
        change.add_column("email", StringType())
    table.append(more(4).rename_columns(["id", "full_name", *PEOPLE.schema.names[2:]]))
    newest, first = admin.versions(space, "people")
    assert (newest["origin"], newest["made_by"]) == ("engine", spark.name)
    assert (first["origin"], first["made_by"]) == ("engine", spark.name)
    assert (newest["number"], first["number"]) == (2, 1)
    kinds = {change["kind"]: change["line"] for change in newest["changes"]}
    assert set(kinds) == {"renamed", "added"}
    assert "full_name" in kinds["renamed"]
    assert "email" in kinds["added"]


def test_the_management_api_counts_what_an_engine_wrote(admin: Management, catalog: RestCatalog, space: str) -> None:
    found = admin.table(space, "people")
    assert found["kind"] == "iceberg"
    assert found["rows"] == 3
    catalog.load_table(f"{space}.people").append(more(4))
    assert admin.table(space, "people")["rows"] == 4


def test_a_crawled_table_is_no_iceberg_table(catalog: RestCatalog) -> None:
    assert ("samples",) in catalog.list_namespaces()
    assert ("samples", "customers") not in catalog.list_tables("samples")
    with pytest.raises(NoSuchTableError):
        catalog.load_table("samples.customers")
