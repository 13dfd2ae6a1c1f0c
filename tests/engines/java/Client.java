import java.util.HashMap;
import java.util.Map;
import org.apache.iceberg.AppendFiles;
import org.apache.iceberg.DataFile;
import org.apache.iceberg.FileScanTask;
import org.apache.iceberg.PartitionSpec;
import org.apache.iceberg.Schema;
import org.apache.iceberg.Table;
import org.apache.iceberg.Transaction;
import org.apache.iceberg.avro.Avro;
import org.apache.iceberg.catalog.TableIdentifier;
import org.apache.iceberg.data.GenericRecord;
import org.apache.iceberg.data.Record;
import org.apache.iceberg.data.avro.PlannedDataReader;
import org.apache.iceberg.io.CloseableIterable;
import org.apache.iceberg.io.DataWriter;
import org.apache.iceberg.io.InputFile;
import org.apache.iceberg.io.OutputFile;
import org.apache.iceberg.rest.RESTCatalog;
import org.apache.iceberg.types.Types;

/**
 * Iceberg's own Java library, which Spark and Flink are built on: the catalog over REST, files by the AWS SDK. Nothing is
 * set but where the catalog is, which warehouse, who asks, and the way to the files.
 *
 * <p>{@code uri warehouse credential way write|stage|scan namespace.table [files | milliseconds between rows]}
 */
public final class Client {
  private static final Schema SCHEMA = new Schema(Types.NestedField.required(1, "id", Types.LongType.get()));

  public static void main(String[] arguments) throws Exception {
    Map<String, String> options = new HashMap<>();
    options.put("uri", arguments[0]);
    options.put("warehouse", arguments[1]);
    options.put("credential", arguments[2]);
    options.put("oauth2-server-uri", arguments[0] + "/v1/oauth/tokens");
    options.put("header.X-Iceberg-Access-Delegation", arguments[3]);
    options.put("io-impl", "org.apache.iceberg.aws.s3.S3FileIO");
    TableIdentifier name = TableIdentifier.parse(arguments[5]);
    try (RESTCatalog catalog = new RESTCatalog()) {
      catalog.initialize("weir", options);
      switch (arguments[4]) {
        case "write" -> write(catalog, name, Integer.parseInt(arguments[6]));
        case "stage" -> stage(catalog, name, Integer.parseInt(arguments[6]));
        case "scan" -> scan(catalog, name, Long.parseLong(arguments[6]));
        default -> throw new IllegalArgumentException(arguments[4]);
      }
    }
  }

  /** A new table with so many files of one row each. */
  private static void write(RESTCatalog catalog, TableIdentifier name, int files) throws Exception {
    Table table = catalog.createTable(name, SCHEMA);
    append(table, table.newAppend(), files);
  }

  /** As CREATE TABLE AS SELECT: the files are written before there is a table. */
  private static void stage(RESTCatalog catalog, TableIdentifier name, int files) throws Exception {
    Transaction transaction = catalog.buildTable(name, SCHEMA).createTransaction();
    append(transaction.table(), transaction.newAppend(), files);
    transaction.commitTransaction();
  }

  private static void append(Table table, AppendFiles append, int files) throws Exception {
    for (int number = 0; number < files; number++) {
      OutputFile file = table.io().newOutputFile(table.locationProvider().newDataLocation(number + ".avro"));
      DataWriter<Record> writer =
          Avro.writeData(file)
              .schema(SCHEMA)
              .createWriterFunc(org.apache.iceberg.data.avro.DataWriter::create)
              .withSpec(PartitionSpec.unpartitioned())
              .build();
      try (writer) {
        writer.write(GenericRecord.create(SCHEMA).copy("id", (long) number));
      }
      DataFile written = writer.toDataFile();
      append.appendFile(written);
    }
    append.commit();
    System.out.println("written " + files);
  }

  /** All rows in one scan, with a pause after each. */
  private static void scan(RESTCatalog catalog, TableIdentifier name, long pause) throws Exception {
    Table table = catalog.loadTable(name);
    long begun = System.nanoTime();
    long rows = 0;
    long sum = 0;
    try (CloseableIterable<FileScanTask> tasks = table.newScan().planFiles()) {
      for (FileScanTask task : tasks) {
        InputFile file = table.io().newInputFile(task.file().location());
        try (CloseableIterable<Record> scanned =
            Avro.read(file).project(table.schema()).createResolvingReader(PlannedDataReader::create).build()) {
          for (Record row : scanned) {
            rows++;
            sum += (Long) row.getField("id");
            Thread.sleep(pause);
          }
        }
      }
    }
    System.out.printf("scanned %d %d %d%n", rows, sum, (System.nanoTime() - begun) / 1_000_000);
  }

  private Client() {}
}
