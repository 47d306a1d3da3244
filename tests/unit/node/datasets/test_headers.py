"""Ten headers in each of six languages, as offices write them, and what is proposed for every column."""

import pytest

from node.datasets import suggest
from node.datasets.mapping import is_forbidden

# "-": no role is proposed. "!": the column is refused by its name.
HEADERS = {
    "EN": [
        ("Case No.|First name|Last name|D.O.B.|Place of birth|Passport no.|Issuing country|Phone|Phone 2|Consent",
         "reference given_name family_name birth_date birth_place document document_issuer phone phone consent"),
        ("Ref|Full name|Also known as|Mother's name|Nationality|Sex|Notes",
         "reference full_name alias mother_name nationality sex !"),
        ("Client ID|Forename|Surname|Mobile|E-mail address|Instagram|Telegram username|Under 18",
         "reference given_name family_name phone email handle:instagram handle:telegram child"),
        ("ID|Ad ID|Site|URL|Phone number|Alias|Text", "reference advert advert_site url phone alias !"),
        ("Docket number|Registration plate|Country of registration|VIN|Driver",
         "reference plate plate_country vin -"),
        ("File ref|IBAN|Card number|MTCN|Transfer service|Bitcoin address",
         "reference iban card payment_ref payment_ref_service wallet"),
        ("Record ID|IMEI|IMSI|MAC address|IP address|Login time", "reference imei imsi mac ip_window ip_window_time"),
        ("Our ref|Company registration number|Company register|Postal address|Telephone",
         "reference employer employer_register address phone"),
        ("case_id|image_hash|MD5|SHA-1|File name", "reference image_hash image_hash image_hash -"),
        ("Case|name|Consent|Consent until|Consent for|Share with|Urgent danger|HIV status|Religious affiliation",
         "reference full_name consent consent_until consent_kinds consent_receivers urgent_danger ! !"),
    ],
    "DE": [
        ("Aktenzeichen|Vorname|Nachname|Geb.-Datum|Geburtsort|Staatsangehörigkeit|Reisepassnummer|Ausstellungsland",
         "reference given_name family_name birth_date birth_place nationality document document_issuer"),
        ("Fall-Nr.|Name|Vorname|Handynummer|E-Mail-Adresse|Einwilligung|Minderjährig",
         "reference family_name given_name phone email consent child"),
        ("Vorgang|Kennzeichen|Zulassungsland|Fahrgestellnummer|Halter", "reference plate plate_country vin -"),
        ("Az.|Kontonummer|IBAN|Kartennummer|Überweisungsreferenz", "reference iban iban card payment_ref"),
        ("Fall-ID|Spitzname|Künstlername|Rufnummer|WhatsApp-Nummer|Bemerkungen",
         "reference alias alias phone phone !"),
        ("Akte|Anzeigen-ID|Webseite|Link|Telefon", "reference advert advert_site url phone"),
        ("Klienten-Nr.|Name|Steuer-ID|Personalausweisnummer|Gesundheitszustand",
         "reference full_name national_id:DE document !"),
        ("Unser Zeichen|Arbeitgeber|Handelsregister|Anschrift|Rufnummer",
         "reference employer employer_register address phone"),
        ("Vorgangsnummer|IMEI-Nummer|IMSI-Nummer|MAC-Adresse|IP-Adresse|Zeitstempel",
         "reference imei imsi mac ip_window ip_window_time"),
        ("Fallnummer|Vorname|Familienname|Name der Mutter|Vatersname|Konfession|Akute Gefahr|Einwilligung bis",
         "reference given_name family_name mother_name father_name ! urgent_danger consent_until"),
    ],
    "RO": [
        ("Nr. dosar|Nume|Prenume|CNP|Data nașterii|Locul nașterii|Telefon mobil",
         "reference family_name given_name national_id:RO birth_date birth_place phone"),
        ("Caz|Nume complet|Poreclă|Număr de telefon|Adresă de email|Acord|Observații",
         "reference full_name alias phone email consent !"),
        ("Dosar|Serie și număr|Țara emitentă|Cetățenie|Sex|Copil",
         "reference document document_issuer nationality sex child"),
        ("ID caz|Cont bancar|Număr card|Referință plată|Portofel crypto", "reference iban card payment_ref wallet"),
        ("Nr. referință|Nr. înmatriculare|Țara înmatriculării|Serie șasiu", "reference plate plate_country vin"),
        ("Nr. caz|Cod fiscal|Registrul comerțului|Angajator|Adresă completă",
         "reference employer:RO employer_register employer address"),
        ("Număr dosar|ID anunț|Site anunț|Link anunț|Telefon|Descriere", "reference advert advert_site url phone !"),
        ("Caz|Prenume|Nume de familie|Numele mamei|Numele tatălui|Religie|Etnie",
         "reference given_name family_name mother_name father_name ! !"),
        ("Cod caz|IMEI|Adresă MAC|Adresă IP|Marcă temporală", "reference imei mac ip_window ip_window_time"),
        ("Dosar nr.|Nume|Pericol iminent|Consimțământ|Consimțământ până la|Stare de sănătate|Diagnostic",
         "reference full_name urgent_danger consent consent_until ! !"),
    ],
    "BG": [
        ("Дело №|Име|Презиме|Фамилия|ЕГН|Дата на раждане|Място на раждане|Телефон",
         "reference given_name father_name family_name national_id:BG birth_date birth_place phone"),
        ("Случай|Имена|Прякор|Телефонен номер|Имейл|Съгласие|Бележки",
         "reference full_name alias phone email consent !"),
        ("Преписка №|Паспорт №|Държава на издаване|Гражданство|Пол|Дете",
         "reference document document_issuer nationality sex child"),
        ("Номер на случай|Банкова сметка|Номер на карта|Номер на превод|Адрес на портфейл",
         "reference iban card payment_ref wallet"),
        ("Номер|Регистрационен номер|Държава на регистрация|Номер на рама", "reference plate plate_country vin"),
        ("Преписка|ЕИК|Търговски регистър|Пълен адрес|Телефон", "reference employer:BG - address phone"),
        ("Случай №|Номер на обява|Сайт|Линк|Телефон за контакт|Описание", "reference advert advert_site url phone !"),
        ("Дело|Собствено име|Фамилно име|Име на майката|Вероизповедание|Етническа принадлежност",
         "reference given_name family_name mother_name ! !"),
        ("Номер на преписка|IMEI номер|MAC адрес|IP адрес|Време на достъп",
         "reference imei mac ip_window ip_window_time"),
        ("Номер на дело|Пълно име|Опасност|Съгласие до|Здравен статус|Диагноза|Пръстови отпечатъци",
         "reference full_name urgent_danger consent_until ! ! !"),
    ],
    "NL": [
        ("Zaaknummer|Voornaam|Achternaam|Geboortedatum|Geboorteplaats|BSN|Telefoonnummer",
         "reference given_name family_name birth_date birth_place national_id:NL phone"),
        ("Dossier|Naam|Bijnaam|GSM|E-mailadres|Toestemming|Opmerkingen",
         "reference full_name alias phone email consent !"),
        ("Zaaknr.|Paspoortnummer|Land van afgifte|Nationaliteit|Geslacht|Minderjarig",
         "reference document document_issuer nationality sex child"),
        ("Kenmerk|Rekeningnummer|Kaartnummer|Betalingskenmerk|Walletadres", "reference iban card payment_ref wallet"),
        ("Ons kenmerk|Kenteken|Land kenteken|Chassisnummer", "reference plate plate_country vin"),
        ("Dossiernr.|KvK-nummer|Handelsregister|Volledig adres|Telefoon", "reference employer:NL - address phone"),
        ("Casus|Advertentienummer|Website|Webadres|Telefoon|Beschrijving", "reference advert advert_site url phone !"),
        ("Cliëntnummer|Voornaam|Familienaam|Naam moeder|Geloofsovertuiging|Etnische afkomst",
         "reference given_name family_name mother_name ! !"),
        ("Zaak|IMEI-nummer|MAC-adres|IP-adres|Tijdstip", "reference imei mac ip_window ip_window_time"),
        ("Zaak nr|Volledige naam|Acuut gevaar|Toestemming tot|Gezondheid|Vingerafdruk|Wachtwoord",
         "reference full_name urgent_danger consent_until ! ! !"),
    ],
    "FR": [
        ("N° dossier|Nom|Prénom|Né(e) le|Lieu de naissance|Nationalité|N° passeport|Pays de délivrance|Portable",
         "reference family_name given_name birth_date birth_place nationality document document_issuer phone"),
        ("Réf.|Nom complet|Surnom|Téléphone|Courriel|Consentement|Remarques",
         "reference full_name alias phone email consent !"),
        ("Affaire|Prénom|Nom de famille|Nom de la mère|NIR|Sexe|Mineur",
         "reference given_name family_name mother_name national_id:FR sex child"),
        ("Numéro de dossier|Compte bancaire|Numéro de carte|Référence de paiement|Portefeuille crypto",
         "reference iban card payment_ref wallet"),
        ("Référence|Immatriculation|Pays d'immatriculation|Numéro de châssis", "reference plate plate_country vin"),
        ("Dossier|SIRET|Registre du commerce|Adresse complète|Téléphone", "reference employer:FR - address phone"),
        ("Cas|N° annonce|Site d'annonces|Lien de l'annonce|Téléphone|Description",
         "reference advert advert_site url phone !"),
        ("Procédure|Adresse IP|Heure de connexion|Adresse MAC|Numéro IMEI",
         "reference ip_window ip_window_time mac imei"),
        ("N° affaire|Nom|Pseudonyme|Compte Instagram|Empreinte digitale|Orientation sexuelle",
         "reference full_name alias handle:instagram ! !"),
        ("Référence dossier|Nom|Danger imminent|Consentement jusqu'au|État de santé|Confession religieuse|Mot de passe",
         "reference full_name urgent_danger consent_until ! ! !"),
    ],
}  # fmt: skip


@pytest.mark.parametrize(("language", "number"), [(lang, i) for lang in HEADERS for i in range(10)])
def test_a_header_proposes_what_it_says(language, number):
    header, roles = HEADERS[language][number]
    names = header.split("|")
    found = suggest(names)
    assert [found.get(name, "!" if is_forbidden(name) else "-") for name in names] == roles.split()


def test_there_are_ten_headers_in_each_of_six_languages():
    assert {language: len(headers) for language, headers in HEADERS.items()} == dict.fromkeys(
        ("EN", "DE", "RO", "BG", "NL", "FR"), 10
    )


@pytest.mark.parametrize(
    ("header", "reference"),
    [("Fallnr.|Name", "Fallnr."), ("Nr|Telefon", "Nr"), ("Nr.|Telefon", "Nr."), ("Nr|Fallnr.|Telefon", "Fallnr."),
     ("Nr.|Aktenzeichen", "Aktenzeichen"), ("Dossier|Nr", "Dossier")],
)  # fmt: skip
def test_a_bare_number_is_the_reference_only_where_nothing_else_is(header: str, reference: str) -> None:
    found = suggest(header.split("|"))
    assert [name for name, role in found.items() if role == "reference"] == [reference]


@pytest.mark.parametrize(
    "name", ["Church street", "Race number", "Party contact phone", "Text me at", "Facebook", "Roman", "Christian name"]
)
def test_a_harmless_name_with_a_word_that_is_refused_elsewhere_is_not_refused(name):
    assert is_forbidden(name) is None


@pytest.mark.parametrize(
    ("name", "about"),
    [
        ("HIV test (2023)", "health"), ("patientDiagnosis", "health"), ("Notes of the caseworker", "free_text"),
        ("right thumb fingerprint", "fingerprint"), ("User passwords", "password"), ("GPS track", "location_trace"),
        ("Face template v2", "face_template"), ("DNA-Profil", "dna"), ("ethnic group of mother", "ethnicity"),
        ("Религиозна принадлежност", "religion"), ("orientarea sexuală", "sexual_orientation"),
        ("Chatverlauf Telegram", "message_content"), ("political party", "politics"), ("voice print", "voice_template"),
    ],
)  # fmt: skip
def test_a_name_that_holds_a_refused_word_is_refused(name, about):
    assert is_forbidden(name) == about
    assert suggest(["ref", name]) == {"ref": "reference"}


def test_a_second_word_is_proposed_only_beside_its_kind():
    assert suggest(["ref", "platform", "issuing country"]) == {"ref": "reference"}
    assert suggest(["ref", "handle", "platform"])["platform"] == "handle_platform"
    assert "platform" not in suggest(["ref", "Telegram", "platform"])


def test_a_name_of_a_million_characters_takes_no_time():
    assert suggest(["a " * 500_000]) == {}


def test_platforms_whose_names_are_ordinary_words_need_another_word():
    assert suggest(["Line", "Signal", "Threads"]) == {}
    assert suggest(["Signal username", "Steam ID"]) == {"Signal username": "handle:signal", "Steam ID": "handle:steam"}
    assert suggest(["Telegram", "Facebook profile"]) == {
        "Telegram": "handle:telegram",
        "Facebook profile": "handle:facebook",
    }
    assert suggest(["Telegram messages", "Instagram followers"]) == {}
