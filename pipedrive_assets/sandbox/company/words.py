"""Text for the invented company's rows; much of it is difficult to store."""

FIRST_NAMES = (
    "Ada", "Björn", "Chloé", "Dmitri", "Élodie", "Fatima", "Grace", "Hiro", "Ingrid", "João",
    "Kwame", "Łukasz", "Mei", "Nils", "Óscar", "Priya", "Quentin", "Renée", "Søren", "Tereza",
    "Uma", "Vlad", "Wen", "Ximena", "Yara", "Zoë", "美咲", "Αλέξης", "Наталья", "محمد",
)  # fmt: skip
LAST_NAMES = (
    "Almeida", "Brandt", "O'Connor", "Dvořák", "Eriksson", "Ferrari", "García", "Häkkinen",
    "Ivanova", "Jensen", "Kovács", "Lemaître", "Müller", "Nguyen", "Okafor", "Petrov", "Quispe",
    "Rossi", "Schmidt", "Tanaka", "Ünal", "van der Berg", "Wójcik", "Xu", "Yılmaz", "Zhang",  # noqa: RUF001 -- a Turkish name
)  # fmt: skip
COMPANIES = (
    "Aurora", "Borealis", "Cobalt", "Driftwood", "Ember & Ash", "Fjord", "Granit", "Halcyon",
    "Indigo", "Juniper", "Kestrel", "Lumen", "Meridian", "Nordlicht", "Opaline", "Pégase",
    "Quarzwerk", "Rivage", "Søster", "Tundra", "Umbra", "Verdant", "Willow", "Zephyr",
)  # fmt: skip
COMPANY_FORMS = ("GmbH", "Ltd", "S.A.", "Oy", "AB", "Inc.", "Kft.", "株式会社", "BV", "d.o.o.")
CITIES = (
    ("Tallinn", "Harju maakond", "Estonia", "10615"),
    ("München", "Bayern", "Germany", "80331"),
    ("Lyon", "Auvergne-Rhône-Alpes", "France", "69001"),
    ("São Paulo", "SP", "Brazil", "01310-100"),
    ("大阪市", "大阪府", "Japan", "530-0001"),
    ("Cork", "County Cork", "Ireland", "T12"),
)
STREETS = ("Mustamäe tee", "Ludwigstraße", "Rue de la République", "Main St", "Av. Paulista")
DEAL_WORDS = (
    "licences", "roll-out", "renewal", "pilot", "upgrade 🚀", "framework agreement", "migration",
    'the "big" one', "training days", "support plan", "25% extension",
    "a\\b; DROP TABLE deals;--",
)  # fmt: skip
SUBJECTS = (
    "Call back", "Send the offer", "Demo", "Lunch at Café Noir", "Follow-up ✉️", "Contract review",
    "", "Visit", "Kick-off", "Remind them",
)  # fmt: skip
LOST_REASONS = ("Too expensive", "No answer", "Chose a competitor", "Budget cut 💸", "")
PRODUCTS = (
    "Mechanical pencil", "Ink, black", "Ink, blue", 'Paper A4 "80 g"', "Étagère", "Desk lamp",
    "Notebook", "Stapler", "Whiteboard", "Marker set", "Chair", "Standing desk", "Cable tray",
    "Monitor arm", "Headset", "Webcam", "Dock", "Keyboard ⌨️", "Mouse", "Delivery",
)  # fmt: skip
JOBS = ("CEO", "Head of Purchasing", "Ingénieur", "Assistant", "", None)
NOTES = (
    "<p>Spoke on the phone. They want <b>two</b> offers &amp; an answer by Friday.</p>",
    "<ul><li>Price</li><li>Delivery</li></ul><br/>",
    "Naïve question: can we ship on Sundays? 🤔",
    "",
    "<a href=\"https://example.com/?a=1&b=2\">Their site</a> mentions 'us' already",
    "Line one\nLine two\tand a tab",
    "<p>" + "A very long story. " * 400 + "</p>",
)
FILES = ("offer.pdf", "signed contract (final) v2.docx", "Übersicht.xlsx", "写真.jpg", "plan.png")
COLORS = ("green", "yellow", "red", "blue", "gray", "purple")
LEAD_TITLES = ("Inbound request", "Trade fair contact", "Newsletter reply", "Partner referral 🤝")
AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0",
    None,
)
