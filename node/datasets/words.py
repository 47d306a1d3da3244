"""The words that people write in headers and cells, in EN DE RO BG NL FR.

Small on purpose. A header word only *proposes* a role, and a person looks at the preview. A word in a consent, child
or class cell *decides*, so those tables hold only words that can mean nothing else: a bare "x" or tick could be a
"yes" or a crossed-out box, and an unknown word leaves the row out with a note.
"""

import re
import unicodedata
from collections.abc import Mapping

__all__ = [
    "CLASS_WORDS",
    "FORBIDDEN_WORDS",
    "HEADER_WORDS",
    "KIND_WORDS",
    "RECEIVER_WORDS",
    "child_word",
    "decide",
    "fold",
    "yes_or_no",
]

_NOT_WORD = re.compile(r"[\W_]+")
_PLAIN_WORD = re.compile(r"\w(?:[\w '’-]*\w)?")


def fold(text: str) -> str:
    """Case, accents and punctuation away: "Nº de  Téléphone:" becomes "no de telephone"."""
    split = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    bare = "".join(character for character in split if not unicodedata.combining(character))
    return _NOT_WORD.sub(" ", bare).strip()


def _table(text: str) -> dict[str, str]:
    """Lines `role: word, word` turned round into {folded word: role}; a word with two roles is a mistake of ours."""
    found: dict[str, str] = {}
    for entry in re.split(r"\n(?=    \S)", text.strip("\n")):
        role, _, words = entry.strip().partition(": ")
        for word in words.split(","):
            if found.setdefault(fold(word), role) != role:
                raise ValueError(f"a word for {role} stands twice")
    return found


HEADER_WORDS = _table("""
    reference: case, case id, case number, case no, case ref, case reference, case file, reference, reference
        number, ref, ref no, our ref, our reference, record, record id, record number, file, file number, file
        no, file ref, docket, docket number, matter, client id, client number, client no, id, Fall, Fallnummer,
        Fall-Nr, Fall-ID, Aktenzeichen, Aktennummer, Akten-Nr, Akte, Az, Vorgang, Vorgangsnummer, Vorgangs-Nr,
        Vorgangsnr, Geschäftszeichen, Gz, Kennzeichen, unser Zeichen, Klientennummer, Klienten-Nr, Klienten-ID,
        referință, nr referință, caz, număr caz, număr de caz, nr caz, id caz, cod caz, dosar, dosar nr, nr
        dosar, număr dosar, număr de dosar, номер, случай, случай №, номер на случай, дело, дело №, номер на
        дело, преписка, преписка №, номер на преписка, zaak, zaaknummer, zaak nr, zaaknr, dossier,
        dossiernummer, dossier nr, dossiernr, kenmerk, ons kenmerk, casus, casusnummer, referentie,
        cliëntnummer, référence, réf dossier, référence dossier, numéro de dossier, numéro dossier, n° dossier,
        n° de dossier, affaire, n° affaire, numéro d'affaire, cas, procédure, numéro de procédure
    phone: phone, phone number, phone no, telephone, telephone number, telephone no, mobile, mobile number,
        mobile no, mobile phone, cell phone, tel, tel no, tel nr, Telefon, Telefonnummer, Telefonnr, Telefon-Nr,
        Handy, Handynummer, Handy-Nr, Mobil, Mobilnummer, Mobiltelefon, Rufnummer, telefon mobil,
        număr de telefon, nr telefon, телефон, телефонен номер, мобилен, мобилен телефон, gsm, telefoon,
        telefoonnummer, mobiel, téléphone, portable, numéro de téléphone
    email: email, e-mail, email address, e-mail address, mail, E-Mail-Adresse, adresă de email, имейл,
        електронна поща, e-mailadres, courriel, adresse e-mail
    handle: handle, username, user name, account, social media, social account, nickname online,
        Benutzername, Nutzername, Konto, utilizator, nume de utilizator, cont, потребител, потребителско
        име, профил, gebruikersnaam, gebruiker, utilisateur, nom d'utilisateur, pseudo, compte
    given_name: given name, given names, first name, forename, firstname, Vorname, prenume, име, собствено
        име, voornaam, prénom
    family_name: family name, surname, last name, lastname, Nachname, Familienname, Zuname, nume de familie,
        фамилия, фамилно име, achternaam, familienaam, nom de famille
    full_name: name, full name, Name, vollständiger Name, nume, nume complet, nume și prenume, имена, пълно
        име, naam, volledige naam, nom, nom complet, nom et prénom
    father_name: father's name, father name, patronymic, Vatersname, prenumele tatălui, numele tatălui,
        бащино име, презиме, vadersnaam, nom du père, prénom du père
    birth_date: birth date, birthdate, date of birth, dob, d.o.b., born, born on, date born, birthday, birth day,
        birth year, year of birth, Geburtsdatum, Geburts-Datum, Geburtsdat, Geburtstag, Geburtsjahr, Jahrgang,
        geboren, geboren am, geb, geb. am, geb.-Datum, Gebdatum, geb. Dat., Gebdat, Gebtag, data nașterii, data
        de naștere, data naștere, ziua nașterii, ziua de naștere, anul nașterii, an naștere, născut, născută,
        născut la, născută la, дата на раждане, дата раждане, рождена дата, рожден ден, ден на раждане, година
        на раждане, роден, родена, роден на, родена на, д.р., geboortedatum, geboorte datum, geboortedag,
        geboortejaar, geboren op, geb.datum, verjaardag, date de naissance, date naissance, jour de naissance,
        année de naissance, naissance, anniversaire, né le, née le, né(e) le, ddn
    birth_place: birth place, birthplace, place of birth, Geburtsort, locul nașterii, loc de naștere, място
        на раждане, месторождение, geboorteplaats, lieu de naissance
    sex: sex, gender, Geschlecht, gen, пол, geslacht, sexe, genre
    nationality: nationality, citizenship, Nationalität, Staatsangehörigkeit, naționalitate, cetățenie,
        националност, гражданство, nationaliteit, nationalité
    street_number: street number, house number, Hausnummer, numărul casei, номер на къща, huisnummer, numéro
        de rue
    address_1: address, address 1, street, Adresse, Straße, adresă, stradă, strada, адрес, улица, adres,
        straat, rue
    address_2: address 2, Adresszusatz, adresă 2, адрес 2, adres 2, complément d'adresse
    locality: city, town, locality, suburb, place, Ort, Stadt, Wohnort, oraș, localitate, град, населено
        място, plaats, woonplaats, stad, ville, localité, commune
    postcode: postcode, post code, postal code, zip, zip code, Postleitzahl, PLZ, cod poștal, пощенски код,
        code postal
    region: region, state, province, county, Bundesland, Land, județ, regiune, област, provincie, région,
        département
    consent: consent, agreed, permission, consent given, Einwilligung, Zustimmung, eingewilligt,
        consimțământ, acord, съгласие, toestemming, consentement
    consent_until: consent until, consent valid until, consent expires, Einwilligung bis, consimțământ până
        la, съгласие до, toestemming tot, consentement jusqu'au
    consent_kinds: consent kinds, consent for, consent covers, Einwilligung für, consimțământ pentru,
        съгласие за, toestemming voor, consentement pour
    consent_receivers: consent receivers, consent with, share with, Einwilligung Empfänger, consimțământ
        destinatari, съгласие получатели, toestemming ontvangers, consentement destinataires
    child: child, minor, under 18, Kind, minderjährig, unter 18, copil, minor sub 18, sub 18 ani, дете,
        непълнолетен, под 18, minderjarig, onder 18, enfant, mineur, moins de 18 ans
    record_class: record class, class, Personenart, Art der Person, clasă, categorie, категория, categorie
        persoon, catégorie, role, Rolle, rol, роля, rôle
""")

# Words -> the entry of psi.identifiers.FORBIDDEN that a column of that name is about, whatever role it is given.
FORBIDDEN_WORDS = _table("""
    health: health, diagnosis, disease, hiv, hiv status, pregnancy, pregnant, disability, medical,
        Gesundheit, Diagnose, Krankheit, schwanger, Behinderung, sănătate, diagnostic, boală, însărcinată,
        handicap, здраве, диагноза, болест, бременна, увреждане, gezondheid, ziekte, zwanger, santé,
        maladie, enceinte
    sexual_orientation: sexual orientation, orientation, sexuelle Orientierung, orientare sexuală, сексуална
        ориентация, seksuele geaardheid, orientation sexuelle
    religion: religion, faith, belief, Konfession, Glaube, religie, confesiune, религия, вероизповедание,
        geloof
    politics: politics, political party, political opinion, party, Partei, politische Meinung, partid,
        opinie politică, партия, политика, politiek, politieke partij, opinion politique, parti
    ethnicity: ethnicity, ethnic group, race, ethnic origin, Ethnie, Rasse, Volksgruppe, etnie, rasă, етнос,
        етническа принадлежност, раса, etniciteit, ras, origine ethnique
    password: password, passcode, pin, Passwort, Kennwort, parolă, парола, wachtwoord, mot de passe
    message_content: message, messages, chat, message text, Nachricht, Nachrichten, mesaj, mesaje,
        съобщение, съобщения, bericht, berichten
    fingerprint: fingerprint, fingerprints, biometrics, Fingerabdruck, amprentă, пръстов отпечатък,
        vingerafdruk, empreinte
    face_template: face, Gesicht, față, лице, gezicht, visage
    voice_template: voice, Stimme, voce, глас, stem, voix
    dna: dna, dns, adn, днк
    location_trace: gps, location history, coordinates, latitude, longitude, Standort, Koordinaten,
        coordonate, координати, locatie, coördinaten, coordonnées gps
    free_text: notes, note, comment, comments, remarks, description, free text, story, Notizen, Notiz,
        Bemerkung, Bemerkungen, Kommentar, Beschreibung, observații, descriere, comentarii, бележки,
        бележка, описание, коментар, opmerking, opmerkingen, notities, beschrijving, remarque, remarques,
        commentaire, histoire
""")

_ANSWERS = _table("""
    yes: yes, y, true, 1, ja, j, wahr, da, adevărat, да, вярно, waar, oui, vrai
    no: no, n, false, 0, nein, falsch, nu, fals, не, невярно, nee, onwaar, non, faux
""")

_AGES = _table("""
    child: child, minor, Kind, minderjährig, copil, minoră, дете, непълнолетен, непълнолетна, minderjarig, enfant,
        mineur, mineure
    adult: adult, erwachsen, volljährig, adultă, major, majoră, възрастен, пълнолетен, пълнолетна, volwassen,
        meerderjarig, adulte, majeur, majeure
""")

CLASS_WORDS = _table("""
    victim: victim, victims, Opfer, victimă, жертва, пострадал, пострадала, slachtoffer, victime
    missing: missing, missing person, vermisst, Vermisste, dispărut, dispărută, изчезнал, изчезнала,
        vermist, disparu, disparue
    suspect: suspect, suspects, Verdächtiger, Verdächtige, Beschuldigter, suspectă, suspectat, заподозрян,
        заподозряна, verdachte, suspecte
    mixed: mixed, gemischt, mixt, смесен, gemengd, mixte
    advert: advert, advertisement, ad, Anzeige, Inserat, anunț, обява, advertentie, annonce
    contact: contact, Kontakt, контакт
    employer: employer, Arbeitgeber, angajator, работодател, werkgever, employeur
""")

KIND_WORDS = _table("""
    phone: phone, phones, telephone, Telefon, телефон, telefoon, téléphone
    email: email, e-mail, mail, имейл, courriel
    handle: handle, handles, account, accounts, Konto, cont, профил, compte
    person: person, name, names, Person, Name, persoană, nume, лице, име, persoon, naam, personne, nom
""")

RECEIVER_WORDS = _table("""
    ngo: ngo, ngos, nro, ong, нпо
    shelter: shelter, shelters, Schutzhaus, Frauenhaus, adăpost, приют, opvang, refuge
    hotline: hotline, helpline, Notruf, linie de ajutor, гореща линия, hulplijn, ligne d'écoute
    police: police, Polizei, poliție, poliția, полиция, politie
    prosecutor: prosecutor, prosecution, Staatsanwaltschaft, procuror, procuratură, прокуратура, прокурор,
        openbaar ministerie, officier van justitie, parquet, procureur
    labour_inspectorate: labour_inspectorate, labour inspectorate, labor inspectorate, Arbeitsinspektion,
        inspecția muncii, инспекция по труда, arbeidsinspectie, inspection du travail
    immigration: immigration, Ausländerbehörde, imigrări, имиграция, immigratie
    financial: financial, bank, banks, Bank, bancă, банка, banque
    platform: platform, platforms, Plattform, platformă, платформа, plateforme
    research: research, Forschung, cercetare, изследване, onderzoek, recherche
    intergovernmental: intergovernmental, zwischenstaatlich, interguvernamental, междуправителствен,
        intergouvernementeel, intergouvernemental
    coordinator: coordinator, Koordinator, coordonator, координатор, coördinator, coordinateur
""")


def decide(text: str, table: Mapping[str, str]) -> str | None:
    """The meaning of a word in a cell that decides something. Punctuation is doubt: "yes?" and "-1" mean nothing."""
    word = text.strip().rstrip(".!").strip()
    return table.get(fold(word)) if _PLAIN_WORD.fullmatch(word) else None


def yes_or_no(text: str) -> bool | None:
    """True or False for a word that can mean only that; None for every other."""
    said = decide(text, _ANSWERS)
    return None if said is None else said == "yes"


def child_word(text: str) -> bool | None:
    """Is the record about a child? None for a word that does not say."""
    said = decide(text, _AGES)
    return yes_or_no(text) if said is None else said == "child"
