import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import java.io.IOException;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/** The job on Kafka Streams: one processor between the topics, its cases in RocksDB and on a changelog topic. */
public final class Main {
    private static final String CASES = "cases";
    private static final String SOURCE = "case-events";
    private static final String DEAD_LETTERS = "case-events-dlq";
    private static final List<String> OUTPUTS =
            List.of("housing-tasks", "social-care-tasks", "transport-tasks", "case-updates", DEAD_LETTERS);

    private static final ObjectMapper JSON =
            new ObjectMapper().configure(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES, false);
    private static final ObjectReader EVENT = JSON.readerFor(Journey.Event.class);
    private static final ObjectReader CASE = JSON.readerFor(Journey.Case.class);
    private static final ObjectWriter CASE_OUT = JSON.writerFor(Journey.Case.class);
    private static final ObjectWriter OUT = JSON.writerFor(Journey.Output.class);

    /** Decides event by event. */
    static final class Decide implements Processor<String, byte[], String, byte[]> {
        private final Journey journey;
        private ProcessorContext<String, byte[]> context;
        private KeyValueStore<String, byte[]> cases;

        Decide(Journey journey) {
            this.journey = journey;
        }

        @Override
        public void init(ProcessorContext<String, byte[]> given) {
            context = given;
            cases = given.getStateStore(CASES);
        }

        @Override
        public void process(Record<String, byte[]> record) {
            Journey.Decision decision;
            try {
                Journey.Event event = EVENT.readValue(record.value());
                byte[] stored = cases.get(record.key());
                Journey.Case before = stored == null ? Journey.Case.unknown() : CASE.readValue(stored);
                decision = journey.step(before, event, record.key());
            } catch (IOException | DateTimeException | IllegalArgumentException | NullPointerException unreadable) {
                context.forward(record, DEAD_LETTERS);
                return;
            }
            try {
                if (decision.after() != null) {
                    cases.put(record.key(), CASE_OUT.writeValueAsBytes(decision.after()));
                }
                for (Journey.Addressed output : decision.outputs()) {
                    context.forward(record.withValue(OUT.writeValueAsBytes(output.event())), output.topic());
                }
            } catch (IOException ours) {
                throw new IllegalStateException(ours);
            }
        }
    }

    /** Runs until SIGTERM; the only argument is the file of bank holidays. */
    public static void main(String[] arguments) throws IOException {
        Journey journey = new Journey(Clocks.of(JSON.readTree(Path.of(arguments[0]).toFile())));
        Topology topology = new Topology();
        topology.addSource("events", Serdes.String().deserializer(), Serdes.ByteArray().deserializer(), SOURCE);
        topology.addProcessor("decide", () -> new Decide(journey), "events");
        // Cached: a case that moves ten times between two commits is written and sent to the changelog once.
        topology.addStateStore(
                Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(CASES), Serdes.String(), Serdes.ByteArray())
                        .withCachingEnabled(),
                "decide");
        for (String output : OUTPUTS) {
            topology.addSink(output, output, Serdes.String().serializer(), Serdes.ByteArray().serializer(), "decide");
        }
        KafkaStreams streams = new KafkaStreams(topology, told(System.getenv()));
        streams.setUncaughtExceptionHandler(
                error -> StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse.SHUTDOWN_CLIENT);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(8))));
        streams.start();
    }

    private static Properties told(Map<String, String> environment) {
        Properties properties = new Properties();
        properties.put(StreamsConfig.APPLICATION_ID_CONFIG, environment.get("BENCH_GROUP"));
        properties.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, environment.get("BENCH_KAFKA"));
        properties.put(StreamsConfig.STATE_DIR_CONFIG, environment.get("BENCH_WORK") + "/streams");
        properties.put(
                StreamsConfig.PROCESSING_GUARANTEE_CONFIG,
                environment.getOrDefault("BENCH_GUARANTEE", StreamsConfig.AT_LEAST_ONCE));
        properties.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        properties.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 64L << 20);
        properties.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
        properties.put(StreamsConfig.producerPrefix("acks"), "all");
        properties.put(StreamsConfig.producerPrefix("linger.ms"), 5);
        properties.put(StreamsConfig.producerPrefix("batch.size"), 256 << 10);
        return properties;
    }

    private Main() {}
}
