"""The words that people write in consent, child and class cells, in EN DE RO BG NL FR.

Small on purpose: a word in such a cell *decides*, so these tables hold only words that can mean nothing else. A bare
"x" or tick could be a "yes" or a crossed-out box, and an unknown word leaves the row out with a note. The words over
columns, which only propose, stand in `header_words`.
"""

import re
import unicodedata
from collections.abc import Mapping

__all__ = [
    "CLASS_WORDS",
    "KIND_WORDS",
    "PURPOSE_WORDS",
    "RECEIVER_WORDS",
    "child_word",
    "decide",
    "fold",
    "table",
    "yes_or_no",
]

_NOT_WORD = re.compile(r"[\W_]+")
_PLAIN_WORD = re.compile(r"\w(?:[\w '’-]*\w)?")


def fold(text: str) -> str:
    """Case, accents and punctuation away: "Nº de  Téléphone:" becomes "no de telephone"."""
    split = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    bare = "".join(character for character in split if not unicodedata.combining(character))
    return _NOT_WORD.sub(" ", bare).strip()


def table(text: str) -> dict[str, str]:
    """Lines `role: word, word` turned round into {folded word: role}; a word with two roles is a mistake of ours."""
    found: dict[str, str] = {}
    for entry in re.split(r"\n(?=    \S)", text.strip("\n")):
        role, _, words = entry.strip().partition(": ")
        for word in words.split(","):
            if found.setdefault(fold(word), role) != role:
                raise ValueError(f"a word for {role} stands twice")
    return found


_ANSWERS = table("""
    yes: yes, y, true, 1, ja, j, wahr, da, adevărat, да, вярно, waar, oui, vrai
    no: no, n, false, 0, nein, falsch, nu, fals, не, невярно, nee, onwaar, non, faux
""")

_AGES = table("""
    child: child, minor, Kind, minderjährig, copil, minoră, дете, непълнолетен, непълнолетна, minderjarig, enfant,
        mineur, mineure
    adult: adult, erwachsen, volljährig, adultă, major, majoră, възрастен, пълнолетен, пълнолетна, volwassen,
        meerderjarig, adulte, majeur, majeure
""")

CLASS_WORDS = table("""
    victim: victim, victims, Opfer, victimă, жертва, пострадал, пострадала, slachtoffer, victime
    missing: missing, missing person, vermisst, Vermisste, dispărut, dispărută, изчезнал, изчезнала,
        vermist, disparu, disparue
    suspect: suspect, suspects, Verdächtiger, Verdächtige, Beschuldigter, suspectă, suspectat, заподозрян,
        заподозряна, verdachte, suspecte
    mixed: mixed, gemischt, mixt, смесен, gemengd, mixte
    advert: advert, advertisement, ad, Inserat, Kleinanzeige, Online-Anzeige, anunț, обява, advertentie, annonce
    contact: contact, Kontakt, контакт
    employer: employer, Arbeitgeber, angajator, работодател, werkgever, employeur
    tip: tip, tip-off, Hinweis, sesizare, сигнал, melding, signalement
""")

KIND_WORDS = table("""
    phone: phone, phones, phone number, phone numbers, telephone, telephone number, Telefon, Telefonnummer,
        Handynummer, număr de telefon, телефон, телефонен номер, telefoon, telefoonnummer, téléphone,
        numéro de téléphone
    email: email, emails, e-mail, mail, e-mail address, E-Mail-Adresse, adresă de email, имейл, имейл адрес,
        e-mailadres, courriel, adresse e-mail
    handle: handle, handles, social media, social media account, social media accounts, online account,
        Benutzerkonto, Benutzername, cont de utilizator, nume de utilizator, профил, потребителско име,
        gebruikersnaam, compte utilisateur, nom d'utilisateur
    person: person, name, names, Person, Name, persoană, nume, лице, име, persoon, naam, personne, nom
    alias: alias, aliases, nickname, working name, Deckname, Spitzname, Künstlername, poreclă, pseudonim,
        прякор, псевдоним, bijnaam, schuilnaam, pseudonyme, surnom
    document: document, identity document, document number, passport, passport number, Ausweis, Ausweisnummer,
        Reisepass, Passnummer, act de identitate, pașaport, документ за самоличност, паспорт,
        identiteitsbewijs, paspoort, paspoortnummer, pièce d'identité, passeport
    national_id: national_id, national id, national identity number, personal identity number, Steuer-ID,
        Personenkennzahl, CNP, cod numeric personal, ЕГН, EGN, BSN, burgerservicenummer, NIR,
        numéro de sécurité sociale
    url: url, urls, web address, web addresses, link, links, Webadresse, Internetadresse, adresă web, уеб адрес,
        webadres, adresse web, lien
    advert: advert, adverts, advertisement, advertisements, ad, ads, ad id, Inserat, Anzeigennummer, anunț, обява,
        advertentie, annonce
    domain: domain, domains, internet domain, Internetdomain, domeniu de internet, интернет домейн, домейн,
        domeinnaam, nom de domaine
    ip_window: ip_window, ip, ip address, ip addresses, IP-Adresse, adresă IP, IP адрес, IP-adres, adresse IP
    iban: iban, bank account, bank accounts, Bankkonto, Bankverbindung, cont bancar, банкова сметка,
        bankrekening, compte bancaire
    card: card, payment card, bank card, credit card, Zahlungskarte, Kreditkarte, Bankkarte, card bancar,
        card de credit, банкова карта, кредитна карта, betaalkaart, bankkaart, carte bancaire, carte de crédit
    payment_ref: payment_ref, payment reference, transfer reference, Zahlungsreferenz, referință de plată,
        референция на плащане, betalingskenmerk, référence de paiement, MTCN
    wallet: wallet, wallets, crypto wallet, Krypto-Wallet, portofel crypto, крипто портфейл, cryptowallet,
        portefeuille crypto
    plate: plate, number plate, licence plate, license plate, registration plate, Kfz-Kennzeichen, Nummernschild,
        număr de înmatriculare, регистрационен номер на автомобил, kenteken, plaque d'immatriculation
    vin: vin, chassis number, Fahrgestellnummer, număr de șasiu, serie de șasiu, номер на рама, chassisnummer,
        numéro de châssis
    imei: imei, handset number, Gerätenummer
    imsi: imsi, sim number
    mac: mac, mac address, MAC-Adresse, adresă MAC, MAC адрес, MAC-adres, adresse MAC
    address: address, addresses, postal address, Adresse, Anschrift, adresă, адрес, adres
    employer: employer, employers, Arbeitgeber, angajator, работодател, werkgever, employeur
    image_hash: image_hash, image hash, image hashes, Bild-Hash, hash imagine, хеш на изображение,
        hash van afbeelding, hash d'image
    shared_case_ref: shared_case_ref, shared case number, shared case reference, gemeinsames Aktenzeichen,
        număr comun de dosar, общ номер на дело, gedeeld zaaknummer, numéro de dossier partagé
""")
"""What a consent is limited to. Words that are two things are missing on purpose: "Konto", "cont" and "compte" are an
account online or at a bank, and a German "Anzeige" is an advertisement or a complaint to the police."""

RECEIVER_WORDS = table("""
    ngo: ngo, ngos, non-governmental organisation, nro, Nichtregierungsorganisation, ong,
        organizație neguvernamentală, нпо, неправителствена организация, niet-gouvernementele organisatie,
        organisation non gouvernementale
    shelter: shelter, shelters, safe house, Schutzhaus, Schutzwohnung, Frauenhaus, adăpost, приют,
        защитено жилище, opvang, opvanghuis, refuge, maison d'hébergement
    hotline: hotline, helpline, Hilfetelefon, Beratungstelefon, linie de ajutor, гореща линия, hulplijn,
        ligne d'écoute, ligne d'assistance
    police: police, Polizei, poliție, poliția, полиция, politie
    prosecutor: prosecutor, prosecution, Staatsanwaltschaft, procuror, procuratură, parchet, прокуратура, прокурор,
        openbaar ministerie, officier van justitie, parquet, procureur
    labour_inspectorate: labour_inspectorate, labour inspectorate, labor inspectorate, Arbeitsinspektion,
        inspecția muncii, инспекция по труда, arbeidsinspectie, inspection du travail
    immigration: immigration, immigration authority, immigration office, Ausländerbehörde, Einwanderungsbehörde,
        imigrări, имиграция, дирекция миграция, immigratie, immigratiedienst, service d'immigration
    financial: financial, bank, banks, Bank, Banken, Finanzinstitut, bancă, bănci, instituție financiară, банка,
        банки, финансова институция, financiële instelling, banque, banques, institution financière
    platform: platform, platforms, online platform, Plattform, Onlineplattform, platformă, platformă online,
        платформа, онлайн платформа, plateforme, plateforme en ligne
    research: research, Forschung, cercetare științifică, научно изследване, wetenschappelijk onderzoek,
        recherche scientifique
    intergovernmental: intergovernmental, international organisation, zwischenstaatlich,
        internationale Organisation, interguvernamental, organizație internațională, междуправителствен,
        международна организация, intergouvernementeel, intergouvernemental, organisation internationale
    coordinator: coordinator, Koordinator, Koordinierungsstelle, coordonator, координатор, coördinator,
        coordinateur
""")
"""Whom a consent is limited to. "Notruf" is missing, because it is also the police; so are "onderzoek", "recherche" and
"cercetare", which are also a criminal investigation."""

PURPOSE_WORDS = table("""
    protect_victims: protect_victims, protect victims, protection, help, support, Opferschutz, Schutz, Hilfe,
        Unterstützung, protecția victimelor, protecție, sprijin, защита на жертви, защита, подкрепа, помощ,
        bescherming van slachtoffers, bescherming, hulp, protection des victimes, soutien
    find_missing_persons: find_missing_persons, find missing persons, missing persons, Vermisstensuche,
        Suche nach Vermissten, căutarea persoanelor dispărute, издирване на изчезнали лица,
        zoeken naar vermiste personen, recherche de personnes disparues
    deconflict_cases: deconflict_cases, deconflict cases, case coordination, Fallabstimmung, coordonarea cazurilor,
        съгласуване на случаи, afstemming van zaken, coordination des dossiers
    find_recurring_contacts: find_recurring_contacts, find recurring contacts, recurring contacts,
        wiederkehrende Kontakte, contacte recurente, повтарящи се контакти, terugkerende contacten, contacts récurrents
    check_employers: check_employers, check employers, employers, Arbeitgeberprüfung, verificarea angajatorilor,
        проверка на работодатели, controle van werkgevers, contrôle des employeurs
    count_without_duplicates: count_without_duplicates, count without duplicates, statistics, Statistik, statistică,
        статистика, statistiek, statistiques
""")
"""What a consent is for. "Ermittlung", "anchetă" and "investigation" are missing: they are no purpose of a round."""


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
