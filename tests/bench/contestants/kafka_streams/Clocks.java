import com.fasterxml.jackson.databind.JsonNode;
import java.time.DayOfWeek;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalTime;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/** Working days in England and Wales; a clock of days ends with its last day, at 23:59 in London. */
final class Clocks {
    private static final ZoneId LONDON = ZoneId.of("Europe/London");
    private static final DateTimeFormatter ISO = DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ssXXX");

    private final Set<LocalDate> daysOff;
    private final Map<LocalDate, String> ends = new HashMap<>();

    private Clocks(Set<LocalDate> daysOff) {
        this.daysOff = daysOff;
    }

    /** From GOV.UK's bank-holidays.json. */
    static Clocks of(JsonNode published) {
        Set<LocalDate> found = new HashSet<>();
        for (JsonNode event : published.at("/england-and-wales/events")) {
            found.add(LocalDate.parse(event.get("date").asText()));
        }
        return new Clocks(found);
    }

    /** So many working days after a moment, in microseconds since 1970. */
    String workingDaysAfter(long moment, int days) {
        LocalDate day = LocalDate.ofInstant(Instant.ofEpochSecond(Math.floorDiv(moment, 1_000_000L)), LONDON);
        while (!isWorking(day)) {
            day = day.plusDays(1);
        }
        return endOf(count(day, days, 1));
    }

    /** So many working days before a day. */
    String workingDaysBefore(String day, int days) {
        return endOf(count(LocalDate.parse(day), days, -1));
    }

    /** By the end of a day. */
    String on(String day) {
        return endOf(LocalDate.parse(day));
    }

    private LocalDate count(LocalDate from, int days, int step) {
        LocalDate day = from;
        for (int counted = 0; counted < days; counted++) {
            do {
                day = day.plusDays(step);
            } while (!isWorking(day));
        }
        return day;
    }

    private boolean isWorking(LocalDate day) {
        return day.getDayOfWeek().compareTo(DayOfWeek.SATURDAY) < 0 && !daysOff.contains(day);
    }

    private String endOf(LocalDate day) {
        return ends.computeIfAbsent(day, each -> each.atTime(LocalTime.of(23, 59)).atZone(LONDON).format(ISO));
    }
}
