// The page's words in English and Dutch. KPIs have their own names: the title, and the guide's.

const WORDS = {
  title: ["KPIs", "KPI's"],
  skip: ["Skip to the KPIs", "Naar de KPI's"],
  window: ["Window", "Periode"],
  language: ["Language", "Taal"],
  rolling: ["Rolling", "Voortschrijdend"],
  calendar: ["Calendar, to date", "Kalender, tot nu toe"],
  w_5m: ["Last 5 minutes", "Laatste 5 minuten"],
  w_1h: ["Last hour", "Laatste uur"],
  w_24h: ["Last 24 hours", "Laatste 24 uur"],
  w_7d: ["Last 7 days", "Laatste 7 dagen"],
  w_30d: ["Last 30 days", "Laatste 30 dagen"],
  w_hour: ["This hour", "Dit uur"],
  w_day: ["Today", "Vandaag"],
  w_week: ["This week", "Deze week"],
  w_month: ["This month", "Deze maand"],
  w_quarter: ["This quarter", "Dit kwartaal"],
  w_year: ["This year", "Dit jaar"],
  g_sales: ["Sales", "Verkoop"],
  g_marketing: ["Marketing", "Marketing"],
  g_service: ["Service", "Service"],
  g_production: ["Production", "Productie"],
  g_projects: ["Projects", "Projecten"],
  g_own: ["Your own", "Eigen"],
  groups: ["Groups of KPIs", "Groepen KPI's"],
  live: ["Live", "Live"],
  until: ["events until {time}", "gebeurtenissen tot {time}"],
  catching: ["Catching up: events until {time}", "Haalt in: gebeurtenissen tot {time}"],
  waiting: ["Waiting for events", "Wacht op gebeurtenissen"],
  starting: ["Starting", "Start"],
  demo: ["A demo: all is gone when it ends.", "Een demo: alles is weg als die stopt."],
  gone: [
    "The exporter can't be reached. These are the last values, from {time}; trying again.",
    "De exporter is niet bereikbaar. Dit zijn de laatste waarden, van {time}; wordt opnieuw geprobeerd.",
  ],
  gone_short: ["Not connected", "Geen verbinding"],
  trouble: ["The exporter reports: {what}", "De exporter meldt: {what}"],
  fires: ["Needs attention", "Vraagt aandacht"],
  quiet: ["Nothing: all {count} thresholds that have a value hold.", "Niets: alle {count} drempels met een waarde houden."],
  quiet_none: ["No threshold has a value yet.", "Nog geen drempel heeft een waarde."],
  now_fires: ["Now needs attention: {what}", "Vraagt nu aandacht: {what}"],
  now_quiet: ["No longer needs attention: {what}", "Vraagt geen aandacht meer: {what}"],
  above: ["above", "boven"],
  below: ["below", "onder"],
  critical: ["Critical", "Kritiek"],
  warning: ["Warning", "Waarschuwing"],
  ok: ["Within its threshold", "Binnen de drempel"],
  limit_above: ["at most {bound}", "hoogstens {bound}"],
  limit_below: ["at least {bound}", "minstens {bound}"],
  goals: ["Goals", "Doelen"],
  s_reached: ["Reached", "Bereikt"],
  s_on_track: ["On track", "Op koers"],
  s_at_risk: ["At risk", "In gevaar"],
  s_missed: ["Missed", "Gemist"],
  s_unknown: ["Not known yet", "Nog niet bekend"],
  target: ["Target", "Doel"],
  target_of: ["target {value}", "doel {value}"],
  landing: ["Projected", "Verwacht"],
  now: ["Now", "Nu"],
  pace: ["Pace", "Tempo"],
  pace_needed: ["Needed", "Nodig"],
  a_day: ["{value} a day", "{value} per dag"],
  until_day: ["until {day}", "tot en met {day}"],
  no_goals: ["No goals are set.", "Er zijn geen doelen."],
  funnel: ["From visit to order", "Van bezoek tot bestelling"],
  f_visits: ["Visits", "Bezoeken"],
  f_carts: ["With a cart", "Met winkelwagen"],
  f_checkouts: ["With a checkout", "Met afrekenen"],
  f_orders: ["With an order", "Met bestelling"],
  t_products: ["Top products", "Topproducten"],
  t_sources: ["Top sources", "Topbronnen"],
  by_sales: ["by sales", "naar omzet"],
  by_visits: ["by visits", "naar bezoeken"],
  none: ["Nothing in this window yet.", "Nog niets in deze periode."],
  good: ["better than the period before: {value}", "beter dan de periode ervoor: {value}"],
  bad: ["worse than the period before: {value}", "slechter dan de periode ervoor: {value}"],
  neutral: ["the period before: {value}", "de periode ervoor: {value}"],
  headlines: ["At a glance", "In één oogopslag"],
  same: ["unchanged", "ongewijzigd"],
  no_before: ["no earlier period", "geen eerdere periode"],
  no_value: ["no value yet", "nog geen waarde"],
  unripe: ["still settling", "nog voorlopig"],
  unripe_long: [
    "Events of this window may still change it: some things take time to be known.",
    "Deze waarde kan nog veranderen: sommige dingen blijken pas later.",
  ],
  health: ["The stream", "De stroom"],
  h_speed: ["Events a second", "Gebeurtenissen per seconde"],
  h_in: ["Events in", "Gebeurtenissen in"],
  h_accepted: ["Accepted", "Geaccepteerd"],
  h_duplicate: ["Duplicate", "Dubbel"],
  h_late: ["Too late", "Te laat"],
  h_future: ["From the future", "Uit de toekomst"],
  h_rejected: ["Rejected", "Geweigerd"],
  h_watermark: ["Watermark", "Watermerk"],
  h_delay: ["Delay", "Vertraging"],
  h_behind: ["Partitions behind", "Partities achter"],
  h_accounted: ["every event is accounted for", "elke gebeurtenis is verantwoord"],
  h_unaccounted: ["not every event is accounted for yet", "nog niet elke gebeurtenis is verantwoord"],
  empty_title: ["No events yet", "Nog geen gebeurtenissen"],
  empty_text: [
    "Values appear here within seconds of the first event. To send some:",
    "Waarden verschijnen hier binnen enkele seconden na de eerste gebeurtenis. Zo stuurt u er een paar:",
  ],
  empty_feed: ["Events that you have, one a line", "Gebeurtenissen die u heeft, een per regel"],
  empty_import: ["A CSV file of your shop", "Een CSV-bestand van uw winkel"],
  empty_simulate: ["A simulated shop", "Een nagebootste winkel"],
  not_ready: ["Reading what is there", "Leest wat er is"],
  close: ["Close", "Sluiten"],
  over_time: ["Over time", "Verloop"],
  value: ["Value", "Waarde"],
  numerator: ["Numerator", "Teller"],
  denominator: ["Denominator", "Noemer"],
  as_table: ["As a table", "Als tabel"],
  period: ["Period", "Periode"],
  change: ["Change", "Verschil"],
  why: ["Why it moved", "Waardoor het veranderde"],
  why_text: [
    "What each segment added to the change: by its own rate, and by its share of the whole.",
    "Wat elk segment aan het verschil bijdroeg: door zijn eigen verhouding, en door zijn aandeel in het geheel.",
  ],
  before_partial: [
    "There are no data of the whole period before, only of a part of it.",
    "Van de hele periode ervoor zijn er geen gegevens, alleen van een deel.",
  ],
  why_parts: ["What each segment added to the change.", "Wat elk segment aan het verschil bijdroeg."],
  by_rate: ["By its rate", "Door verhouding"],
  by_share: ["By its share", "Door aandeel"],
  by_total: ["Total", "Totaal"],
  segment: ["Segment", "Segment"],
  breakdown: ["Breakdown", "Uitsplitsing"],
  by: ["By", "Naar"],
  by_label: ["by {label}", "naar {label}"],
  no_breakdown: ["This KPI has no breakdown.", "Deze KPI heeft geen uitsplitsing."],
  foremost: ["Foremost", "Bovenaan"],
  definitions: ["Definitions side by side", "Definities naast elkaar"],
  definition: ["Definition", "Definitie"],
  default: ["default", "standaard"],
  meaning: ["Meaning", "Betekenis"],
  formula: ["Formula", "Formule"],
  better_is: ["Better is", "Beter is"],
  higher: ["higher", "hoger"],
  lower: ["lower", "lager"],
  neither: ["neither", "geen van beide"],
  names: ["Also called", "Ook genoemd"],
  note: ["Note", "Opmerking"],
  source: ["Events", "Gebeurtenissen"],
  metric: ["Metric", "Metriek"],
  thresholds: ["Thresholds", "Drempels"],
  evidence: ["How sure it is", "Hoe zeker het is"],
  version: ["Version of the definition", "Versie van de definitie"],
  complete: ["Complete", "Volledig"],
  events_since: ["Events are counted since {time}.", "Gebeurtenissen worden geteld sinds {time}."],
  samples: ["Some events behind it", "Enkele gebeurtenissen erachter"],
  not_available: ["Not available here.", "Hier niet beschikbaar."],
  loading: ["Loading …", "Laden …"],
  others: ["others", "overige"],
  missing: ["(none)", "(geen)"],
  l_source: ["source", "bron"],
  l_medium: ["medium", "medium"],
  l_campaign: ["campaign", "campagne"],
  l_device: ["device", "apparaat"],
  l_visitor: ["visitor", "bezoeker"],
  l_page: ["page", "pagina"],
  l_page_type: ["type of page", "soort pagina"],
  l_category: ["category", "categorie"],
  l_product: ["product", "product"],
  l_channel: ["channel", "kanaal"],
  l_team: ["team", "team"],
  l_employee: ["employee", "medewerker"],
  l_customer: ["customer", "klant"],
  l_priority: ["priority", "prioriteit"],
  l_concern: ["concern", "onderwerp"],
  l_machine: ["machine", "machine"],
  l_line: ["line", "lijn"],
  l_shift: ["shift", "ploeg"],
  l_network: ["network", "netwerk"],
  l_list: ["list", "lijst"],
  l_location: ["location", "locatie"],
  l_project: ["project", "project"],
  l_weekday: ["weekday", "weekdag"],
  l_hour: ["hour", "uur"],
  l_kind: ["kind", "soort"],
  l_place: ["place", "plaats"],
  l_keyword: ["keyword", "zoekwoord"],
  l_segment: ["segment", "segment"],
  l_age: ["age", "leeftijd"],
  l_status: ["status", "status"],
  l_overdue: ["overdue", "over tijd"],
  l_affiliate: ["affiliate", "affiliate"],
  l_promotion: ["promotion", "actie"],
  l_banner: ["banner", "banner"],
};

const LANGUAGES = ["en", "nl"];
const KEY = "kpi-language";

function chosen() {
  try {
    const kept = localStorage.getItem(KEY);
    if (LANGUAGES.includes(kept)) return kept;
  } catch { /* storage is switched off: the server's choice then */ }
  return LANGUAGES.includes(document.documentElement.lang) ? document.documentElement.lang : "en";
}

let language = chosen();
document.documentElement.lang = language;

export function inLanguage() {
  return language;
}

export function locale() {
  return language === "nl" ? "nl-NL" : "en-GB";
}

export function speak(wanted) {
  language = LANGUAGES.includes(wanted) ? wanted : "en";
  document.documentElement.lang = language;
  try {
    localStorage.setItem(KEY, language);
  } catch { /* it holds for this visit */ }
}

// A text with {names} filled in; a key that has no text is its own, with spaces.
export function t(key, values = {}) {
  const found = WORDS[key];
  const text = found ? found[language === "nl" ? 1 : 0] : key.replace(/^[a-z]_/, "").replaceAll("_", " ");
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

// What a threshold says, and in which language: Dutch where it has such a text and that is wanted.
export function summaryOf(threshold) {
  const isDutch = language === "nl" && threshold.summary_nl;
  return isDutch ? { text: threshold.summary_nl, lang: "nl" } : { text: threshold.summary, lang: "en" };
}

export function nameOf(kpi) {
  return (language === "nl" && kpi.guide) || kpi.title;
}
