"""Names to draw from, in several scripts and with the characters that careless software trips over."""
# ruff: noqa: RUF001, SIM905 - names are spelled as people spell them, and one line of them reads better than a column

FEMALE = (
    "Anna|Maria|Kadri|Õie|Ülle|Äli|Liis|Mari-Liis|Zoë|Chloé|Françoise|Łucja|Žofia|Ñusta|Ирина|Ольга|Ελένη|Σοφία|فاطمة|"
    "לאה|美咲|Þóra|Sinéad|D'Arcy|Ingrid|Eva|Johanna|Greta|Alma|Nora|Saskia|Helena"
).split("|")
MALE = (
    "Jaan|Mart|Tõnu|Ülo|Märt|Jüri|Karl Gustav|Jean-Luc|Łukasz|Žiga|Íñigo|Иван|Олег|Γιώργος|Νίκος|محمد|דוד|健太|Þór|"
    "Seán|O'Neil|Erik|Paul|Henrik|Otto|Luca|Noah|Emil|Oskar|Felix|Anton|Mikael"
).split("|")
FAMILY = (
    "Tamm|Saar|Sepp|Mägi|Kask|Kukk|Rebane|Põder|Ilves|Jõgi|Öpik|Ümarik|Müller|Weiß|Núñez|d'Aubigné|O’Brien|Łoś|Žižka|"
    "Šimůnek|Nguyễn|Иванов|Кузнецова|Παπαδόπουλος|الحسن|כהן|山田|김|van der Berg|St. John|Smith-Jones|Null|Test; --|"
    'La "Bella"|Back\\slash|Tab-Less|Percent%s|Virta|Niemi|Kovács|Horváth|Popescu'
).split("|")
STREETS = (
    "Pikk|Lai|Rüütli|Õpetaja|Kirsi|Vabaduse puiestee|Rue de l'Église|Straße des 4. Mai|Via Appia|Ulica Żółta|Кленовая|"
    "Λεωφόρος|中央通り|Main|Mill Lane|Harbour|King's|Queen’s|Põhja|Lõuna|Järve|Metsa|Kalda|Tuule"
).split("|")
PLACES = (
    "Avinurme|Elva|Haapsalu|Jõhvi|Kärdla|Lääne-Harju|Mustvee|Narva|Otepää|Põltsamaa|Rõuge|Saue|Tõrva|Viljandi|Võru|"
    "Ålesund|Łódź|Žilina|Ærø|Çeşme"
).split("|")
INSTITUTIONS = (
    "Vallavalitsus|Põhikool|Muuseum|Haigla|Maanteeamet|Päästeamet|Université|Straßenbauamt|Rzecznik|Библиотека|"
    "Νοσοκομείο|市役所|Harbour Board|Forest Agency|St. Mary's Hospital|Kolledž"
).split("|")
PURPOSES = (
    "Palk|Üür 3/IV|Travaux d'été|Straßenbau (2. Rate)|Ремонт|Επιδότηση|給食|Grant; part 2|Salary|Tab\there|Fuel 100%|"
    "Ümbrik \\ A|Refund"
).split("|")
