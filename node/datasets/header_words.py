"""The words that people write over columns, in EN DE RO BG NL FR.

HEADER_WORDS propose a role, and a person looks at the proposal. FORBIDDEN_WORDS and FORBIDDEN_PARTS refuse: a column
of such a name takes no part, whatever role it is given. The first are refused if they are the whole name ("text",
"party", "face" mean something else within a longer one), the second wherever they stand in it ("hiv test 2023").
"""

from node.datasets.words import table

__all__ = ["FORBIDDEN_PARTS", "FORBIDDEN_WORDS", "HEADER_WORDS"]

# Word -> the role it proposes.
HEADER_WORDS = table("""
    reference: case, case id, case number, case no, case ref, case reference, case file, reference,
        reference number, ref, ref no, our ref, our reference, record, record id, record number, file, file number,
        file no, file ref, docket, docket number, matter, client id, client number, client no, id, Fall, Fallnummer,
        Fall-Nr, Fallnr, Nr, Fall-ID, Aktenzeichen, Aktennummer, Akten-Nr, Akte, Az, Vorgang, Vorgangsnummer,
        Vorgangs-Nr, Vorgangsnr, Geschäftszeichen, Gz, unser Zeichen, Klientennummer, Klienten-Nr, Klienten-ID,
        referință, nr referință, caz, număr caz, număr de caz, nr caz, id caz, cod caz, dosar, dosar nr, nr dosar,
        număr dosar,
        număr de dosar, номер, случай, случай №, номер на случай, дело, дело №, номер на дело, преписка, преписка №,
        номер на преписка, zaak, zaaknummer, zaak nr, zaaknr, dossier, dossiernummer, dossier nr, dossiernr,
        kenmerk, ons kenmerk, casus, casusnummer, referentie, cliëntnummer, référence, réf dossier,
        référence dossier, numéro de dossier, numéro dossier, n° dossier, n° de dossier, affaire, n° affaire,
        numéro d'affaire, cas, procédure, numéro de procédure
    phone: phone, phone number, phone no, telephone, telephone number, telephone no, mobile, mobile number,
        mobile no, mobile phone, cell phone, tel, tel no, tel nr, Telefon, Telefonnummer, Telefonnr, Telefon-Nr,
        Handy, Handynummer, Handy-Nr, Mobil, Mobilnummer, Mobiltelefon, Rufnummer, telefon mobil, număr de telefon,
        nr telefon, телефон, телефонен номер, мобилен, мобилен телефон, gsm, telefoon, telefoonnummer, mobiel,
        téléphone, portable, numéro de téléphone, phone numbers, contact number, whatsapp, whatsapp number, viber,
        msisdn, Kontaktnummer, WhatsApp-Nummer, nr de telefon, număr telefon, tel mobil, număr whatsapp, моб, тел,
        тел номер, номер на телефон, телефон за контакт, мобилен номер, mobiel nummer, tel nummer, telnr,
        whatsappnummer, n° de téléphone, n° tél, tél, tél portable, numéro de portable, numéro whatsapp
    email: email, e-mail, email address, e-mail address, mail, E-Mail-Adresse, adresă de email, имейл,
        електронна поща, e-mailadres, courriel, adresse e-mail, emails, e mail adresse, mailadresse, mail adresse,
        email adresă, adresa email, и-мейл, имейл адрес, ел поща, mailadres, emailadres, adresse mail,
        adresse électronique, mél
    handle: handle, username, user name, account, social media, social account, nickname online, Benutzername,
        Nutzername, Konto, utilizator, nume de utilizator, cont, потребител, потребителско име, профил,
        gebruikersnaam, gebruiker, utilisateur, nom d'utilisateur, pseudo, compte
    given_name: given name, given names, first name, forename, firstname, Vorname, prenume, име, собствено име,
        voornaam, prénom
    family_name: family name, surname, last name, lastname, Nachname, Familienname, Zuname, nume de familie,
        фамилия, фамилно име, achternaam, familienaam, nom de famille
    full_name: name, full name, Name, vollständiger Name, nume, nume complet, nume și prenume, имена, пълно име,
        naam, volledige naam, nom, nom complet, nom et prénom
    father_name: father's name, father name, patronymic, Vatersname, prenumele tatălui, numele tatălui, бащино име,
        презиме, vadersnaam, nom du père, prénom du père
    birth_date: birth date, birthdate, date of birth, dob, d.o.b., born, born on, date born, birthday, birth day,
        birth year, year of birth, Geburtsdatum, Geburts-Datum, Geburtsdat, Geburtstag, Geburtsjahr, Jahrgang,
        geboren, geboren am, geb, geb. am, geb.-Datum, Gebdatum, geb. Dat., Gebdat, Gebtag, data nașterii,
        data de naștere, data naștere, ziua nașterii, ziua de naștere, anul nașterii, an naștere, născut, născută,
        născut la, născută la, дата на раждане, дата раждане, рождена дата, рожден ден, ден на раждане,
        година на раждане, роден, родена, роден на, родена на, д.р., geboortedatum, geboorte datum, geboortedag,
        geboortejaar, geboren op, geb.datum, verjaardag, date de naissance, date naissance, jour de naissance,
        année de naissance, naissance, anniversaire, né le, née le, né(e) le, ddn
    birth_place: birth place, birthplace, place of birth, Geburtsort, locul nașterii, loc de naștere,
        място на раждане, месторождение, geboorteplaats, lieu de naissance
    sex: sex, gender, Geschlecht, gen, пол, geslacht, sexe, genre
    nationality: nationality, citizenship, Nationalität, Staatsangehörigkeit, naționalitate, cetățenie,
        националност, гражданство, nationaliteit, nationalité
    street_number: street number, house number, Hausnummer, numărul casei, номер на къща, huisnummer, numéro de rue
    address_1: address, address 1, street, Adresse, Straße, adresă, stradă, strada, адрес, улица, adres, straat,
        rue
    address_2: address 2, Adresszusatz, adresă 2, адрес 2, adres 2, complément d'adresse
    locality: city, town, locality, suburb, place, Ort, Stadt, Wohnort, oraș, localitate, град, населено място,
        plaats, woonplaats, stad, ville, localité, commune
    postcode: postcode, post code, postal code, zip, zip code, Postleitzahl, PLZ, cod poștal, пощенски код,
        code postal
    region: region, state, province, county, Bundesland, Land, județ, regiune, област, provincie, région,
        département
    consent: consent, agreed, permission, consent given, Einwilligung, Zustimmung, eingewilligt, consimțământ,
        acord, съгласие, toestemming, consentement
    consent_until: consent until, consent valid until, consent expires, Einwilligung bis, consimțământ până la,
        съгласие до, toestemming tot, consentement jusqu'au
    consent_kinds: consent kinds, consent for, consent covers, Einwilligung für, consimțământ pentru, съгласие за,
        toestemming voor, consentement pour
    consent_receivers: consent receivers, consent with, share with, Einwilligung Empfänger,
        consimțământ destinatari, съгласие получатели, toestemming ontvangers, consentement destinataires
    consent_purposes: consent purposes, consent purpose, Einwilligung Zweck, Zweck der Einwilligung,
        scopul consimțământului, цел на съгласието, doel van de toestemming, finalité du consentement
    child: child, minor, under 18, Kind, minderjährig, unter 18, copil, minor sub 18, sub 18 ani, дете,
        непълнолетен, под 18, minderjarig, onder 18, enfant, mineur, moins de 18 ans
    record_class: record class, class, Personenart, Art der Person, clasă, categorie, категория, categorie persoon,
        catégorie, role, Rolle, rol, роля, rôle
    alias: alias, aliases, aka, a.k.a., also known as, nickname, nick name, working name, stage name, other name,
        other names, Spitzname, Deckname, Künstlername, Aliasname, Arbeitsname, genannt, poreclă, pseudonim,
        nume de scenă, cunoscut ca, cunoscută ca, прякор, псевдоним, известен като, известна като, bijnaam,
        schuilnaam, werknaam, ook bekend als, roepnaam, surnom, pseudonyme, nom de scène, dit, connue sous le nom
    mother_name: mother's name, mother name, mother, Name der Mutter, Mutter, numele mamei, prenumele mamei, mama,
        име на майката, майка, naam moeder, naam van de moeder, moeder, nom de la mère, prénom de la mère, mère
    id_number: id number, identification number, identity number, social security number, soc sec id, ssn,
        ID-Nummer, Identifikationsnummer, număr de identificare, идентификационен номер, identificatienummer,
        numéro d'identification
    document: document, document number, document no, doc number, doc no, identity document, id document, id card,
        id card number, identity card, passport, passport number, passport no, travel document, residence permit,
        Ausweis, Ausweisnummer, Ausweis-Nr, Reisepass, Reisepassnummer, Passnummer, Pass-Nr, Personalausweis,
        Personalausweisnummer, Dokumentennummer, Dokument, act de identitate, carte de identitate, buletin,
        serie și număr, serie și număr act, pașaport, nr pașaport, număr pașaport, număr de pașaport, nr act,
        документ, номер на документ, документ №, паспорт, номер на паспорт, паспорт №, лична карта,
        номер на лична карта, лк №, документ за самоличност, identiteitsbewijs, identiteitskaart, documentnummer,
        paspoort, paspoortnummer, pièce d'identité, numéro de document, n° de document, n° document, passeport,
        numéro de passeport, n° passeport, carte d'identité, cni
    document_issuer: issuer, issued by, issuing country, issuing state, issuing authority, country of issue,
        document country, document issuer, passport country, Ausstellungsland, ausstellender Staat, Ausstellerstaat,
        ausgestellt von, țara emitentă, țară emitentă, emitent, eliberat de, държава на издаване, издаден от,
        издател, land van afgifte, afgegeven door, land van uitgifte, pays d'émission, pays de délivrance,
        délivré par
    national_id: national id, national id number, national identity number, national identification number,
        personal identification number, personal identity number, personal number, personal code, nin,
        Personenkennzahl, nationale Identifikationsnummer, identificator național, национален идентификатор,
        персонален номер, nationaal nummer, identifiant national
    national_id:RO: cnp, cod numeric personal
    national_id:BG: егн, egn, единен граждански номер
    national_id:NL: bsn, burgerservicenummer, bsn nummer, sofinummer
    national_id:FR: nir, numéro de sécurité sociale, n° sécurité sociale, n° sécu, numéro insee
    national_id:DE: Steuer-ID, Steuer-Id-Nr, Steueridentifikationsnummer, Steuer-Identifikationsnummer, IdNr
    national_id_country: id country, national id country, country of national id
    url: url, urls, link, links, web address, web page, profile link, profile url, ad url, advert url, ad link,
        post url, Webadresse, Internetadresse, Profil-Link, adresă web, adresă url, legătură, link profil,
        link anunț, уеб адрес, линк, линк към профил, webadres, internetadres, profiellink, lien, adresse web,
        adresse internet, lien du profil, lien de l'annonce
    advert: ad id, ad no, ad number, advert, advert id, advert number, advertisement, advertisement id, listing id,
        post id, Anzeigen-ID, Anzeigennummer, Anzeigen-Nr, Inserat, Inseratnummer, Inserat-ID, anunț, id anunț,
        nr anunț, număr anunț, cod anunț, обява, номер на обява, обява №, id обява, advertentie, advertentienummer,
        advertentie-id, annonce, id annonce, numéro d'annonce, n° annonce, réf annonce
    advert_site: site, site name, source site, website, web site, portal, Portal, Webseite, Website, site anunț,
        сайт, уебсайт, webpagina, site web, site d'annonces, site de l'annonce
    domain: domain, domain name, host name, hostname, Domainname, domeniu, nume de domeniu, домейн, име на домейн,
        домейн име, domein, domeinnaam, domaine, nom de domaine
    ip_window: ip, ip address, ip addr, login ip, last ip, IP-Adresse, IP Nr, adresă ip, adresă de ip, ip адрес,
        айпи, ip-adres, adresse ip
    ip_window_time: ip time, ip timestamp, login time, login timestamp, access time, timestamp utc, Zeitstempel,
        Login-Zeit, Zugriffszeit, marcă temporală, ora conectării, ora accesării, час на достъп, време на достъп,
        tijdstip, tijdstip login, inlogtijd, horodatage, heure de connexion
    iban: iban, bank account, bank account number, account number, account no, Kontonummer, Konto-Nr,
        Bankverbindung, Bankkonto, cont bancar, cont iban, număr cont, nr cont, iban cont, банкова сметка,
        номер на сметка, сметка, сметка №, rekeningnummer, bankrekening, bankrekeningnummer, rekening, rekening nr,
        compte bancaire, numéro de compte, n° de compte, rib
    card: card, card number, card no, credit card, debit card, bank card, payment card, pan, Kartennummer,
        Karten-Nr, Kreditkarte, Kreditkartennummer, Bankkarte, card bancar, număr card, nr card, card de credit,
        банкова карта, номер на карта, карта №, кредитна карта, kaartnummer, bankkaart, betaalkaart, carte bancaire,
        numéro de carte, n° de carte, carte de crédit
    payment_ref: payment reference, payment ref, transfer reference, transfer number, transaction reference,
        transaction number, transaction id, mtcn, voucher, voucher code, voucher number, Zahlungsreferenz,
        Transaktionsnummer, Transaktions-ID, Überweisungsreferenz, Gutscheincode, referință plată,
        referință de plată, număr transfer, număr tranzacție, cod transfer, номер на превод, номер на трансакция,
        референция, код на превод, betalingskenmerk, transactienummer, betaalreferentie, référence de paiement,
        référence de transaction, numéro de transfert, code de transfert
    payment_ref_service: payment service, transfer service, money transfer, money transfer service, Zahlungsdienst,
        serviciu de plată, serviciu de transfer, платежна услуга, услуга за преводи, betaaldienst,
        service de paiement, service de transfert
    wallet: wallet, wallet address, wallet id, crypto wallet, crypto address, bitcoin address, btc address, btc,
        eth address, Wallet-Adresse, Krypto-Adresse, Bitcoin-Adresse, portofel, portofel crypto, adresă portofel,
        adresă bitcoin, портфейл, крипто портфейл, адрес на портфейл, биткойн адрес, walletadres, cryptoadres,
        bitcoinadres, portefeuille, portefeuille crypto, adresse de portefeuille, adresse bitcoin
    plate: plate, plates, plate number, plate no, number plate, licence plate, license plate, registration plate,
        vehicle registration, car registration, vehicle registration number, vrn, Kennzeichen, Kfz-Kennzeichen, Kfz,
        Autokennzeichen, Nummernschild, amtliches Kennzeichen, număr de înmatriculare, număr înmatriculare,
        nr înmatriculare, nr de înmatriculare, nr auto, număr auto, регистрационен номер, рег номер, рег №,
        номер на автомобил, номер на кола, кола №, kenteken, kentekennummer, nummerplaat, immatriculation, plaque,
        plaque d'immatriculation, numéro d'immatriculation, n° d'immatriculation
    plate_country: plate country, country of registration, vehicle country, Zulassungsland, țara de înmatriculare,
        țara înmatriculării, държава на регистрация, land van registratie, land kenteken, pays d'immatriculation
    vin: vin, vin number, vehicle identification number, chassis number, chassis no, chassis, FIN,
        Fahrgestellnummer, Fahrgestell-Nr, Fahrzeugidentifizierungsnummer, Fahrzeug-Identifizierungsnummer,
        serie șasiu, serie de șasiu, număr șasiu, număr de șasiu, nr șasiu, serie caroserie, номер на рама, рама,
        рама №, шаси, номер на шаси, chassisnummer, voertuigidentificatienummer, numéro de châssis, n° de châssis,
        châssis, n° de série du véhicule
    imei: imei, imei number, imei no, imei nr, imei nummer, IMEI-Nummer, număr imei, imei номер, numéro imei,
        handset id
    imsi: imsi, imsi number, imsi nummer, IMSI-Nummer, număr imsi, imsi номер, numéro imsi
    mac: mac, mac address, wifi mac, bluetooth mac, MAC-Adresse, adresă mac, mac адрес, mac-adres, adresse mac
    address: postal address, full address, home address, hotel, hotel address, Anschrift, Postanschrift,
        Wohnanschrift, vollständige Adresse, adresă completă, adresă poștală, пълен адрес, пощенски адрес, хотел,
        volledig adres, postadres, adresse complète, adresse postale, hôtel
    employer: employer, employer number, employer id, company number, company no, company registration number,
        company registration, registration number, Arbeitgeber, Firmennummer, Betriebsnummer, angajator,
        работодател, werkgever, employeur
    employer:RO: cui, cif, cod fiscal, cui firmă, cod unic de înregistrare, nr reg com
    employer:BG: еик, eik, булстат, bulstat, фирма еик
    employer:DE: Handelsregisternummer, HRB, HR-Nummer
    employer:NL: kvk, kvk-nummer, kvk nr
    employer:BE: ondernemingsnummer, numéro d'entreprise
    employer:FR: siren, siret, n° siren, n° siret, numéro siren, numéro siret
    employer_register: register, company register, registry, Registergericht, Handelsregister, registru,
        registrul comerțului, регистър, търговски регистър, registre, registre du commerce
    image_hash: hash, hash value, image hash, file hash, md5, md5 hash, sha1, sha-1, sha1 hash, sha256, sha-256,
        Hashwert, Bildhash, Bild-Hash, Dateihash, valoare hash, hash imagine, хеш, хаш, хеш стойност,
        хеш на изображение, hashwaarde, hash afbeelding, valeur de hachage, hash de l'image, hash image
    shared_case_ref: shared case number, shared case reference, shared reference, joint case number,
        common case number, gemeinsames Aktenzeichen, gemeinsame Fallnummer, număr comun de dosar, dosar comun,
        общ номер на дело, обща преписка, gedeeld zaaknummer, gezamenlijk zaaknummer, numéro de dossier commun,
        numéro de dossier partagé, référence commune
    handle_platform: platform, network, social network, app, application, Plattform, soziales Netzwerk, Netzwerk,
        platformă, rețea, rețea socială, aplicație, платформа, социална мрежа, приложение, netwerk, sociaal netwerk,
        plateforme, réseau, réseau social
    urgent_danger: urgent danger, urgent, danger, in danger, imminent danger, life at risk, emergency, akute Gefahr,
        Gefahr, Lebensgefahr, Notfall, dringend, pericol, pericol iminent, pericol urgent, în pericol, urgență,
        опасност, в опасност, непосредствена опасност, спешно, acuut gevaar, gevaar, levensgevaar, noodgeval,
        danger imminent, danger urgent, en danger, péril, urgence
""")

# Whole name -> the entry of psi.identifiers.FORBIDDEN that the column is about.
FORBIDDEN_WORDS = table("""
    health: health, diagnosis, disease, hiv, hiv status, pregnancy, pregnant, disability, medical, Gesundheit,
        Diagnose, Krankheit, schwanger, Behinderung, sănătate, diagnostic, boală, însărcinată, handicap, здраве,
        диагноза, болест, бременна, увреждане, gezondheid, ziekte, zwanger, santé, maladie, enceinte, injuries,
        wounds, allergies, Verletzungen, Allergien, leziuni, alergii, наранявания, алергии, verwondingen,
        allergieën, blessures, treatment, Behandlung, tratament, лечение, behandeling, traitement, sarcină,
        graviditate
    sexual_orientation: orientation, sexuelle Ausrichtung, geaardheid, sexual identity
    religion: faith, belief, beliefs, Glaube, Glauben, confesiune, credință, вяра, geloof, foi, croyance, culte,
        cult
    politics: politics, party, Partei, partid, партия, политика, politiek, parti, politische Meinung,
        political opinion, opinie politică, opinion politique, trade union, union membership, Gewerkschaft,
        sindicat, синдикат, vakbond, syndicat
    ethnicity: race, Rasse, Volksgruppe, rasă, раса, ras, roma, skin colour, Hautfarbe, culoarea pielii,
        цвят на кожата, huidskleur, couleur de peau
    password: pin, pass code, puk, login data
    message_content: message, chat, Nachricht, mesaj, съобщение, bericht, text, body, content, sms, conversation,
        conversație, разговор, gesprek, Gespräch
    fingerprint: prints
    face_template: face, Gesicht, față, лице, gezicht, visage
    voice_template: voice, Stimme, voce, глас, stem, voix
    dna: dns
    location_trace: lat, lon, lng, long, geo, Standort, locatie, route, routes, whereabouts
    free_text: note, comment, description, free text, story, history, summary, details, Notiz, Bemerkung, Kommentar,
        Beschreibung, Freitext, Sachverhalt, Zusammenfassung, observație, descriere, comentariu, istoric, rezumat,
        бележка, описание, коментар, история, резюме, opmerking, beschrijving, samenvatting, verhaal, toelichting,
        remarque, commentaire, histoire, résumé, récit
""")

# Word or words within a name -> the entry of psi.identifiers.FORBIDDEN that the column is about.
FORBIDDEN_PARTS = table("""
    health: diagnosis, diagnoses, diagnose, diagnosen, diagnostics, hiv, vih, hiv test, pregnancy, pregnant,
        disability, disabilities, illness, illnesses, disease, diseases, medication, medications, mental health,
        health condition, health conditions, health status, health problems, health issues, medical, psychiatric,
        blood type, blood group, icd 10, icd10, icd code, patient, Gesundheit, Gesundheitszustand, Krankheit,
        Krankheiten, Schwangerschaft, schwanger, Behinderung, Medikamente, Blutgruppe, sănătate, starea de sănătate,
        diagnostic, diagnostice, boală, boli, însărcinată, dizabilitate, dizabilități, handicap, medicație,
        medicamente, grupa sanguină, здраве, здравословно състояние, здравен статус, диагноза, диагнози, болест,
        болести, бременност, бременна, увреждане, увреждания, лекарства, кръвна група, gezondheid,
        gezondheidstoestand, ziekte, ziekten, ziektes, zwangerschap, zwanger, handicaps, medicatie, bloedgroep,
        santé, état de santé, maladie, maladies, grossesse, enceinte, invalidité, médicaments, groupe sanguin
    sexual_orientation: sexual orientation, sexual preference, sexuality, lgbt, lgbtq, lgbti, lgbtqi,
        sexuelle Orientierung, Sexualität, orientare sexuală, orientarea sexuală, сексуална ориентация, сексуалност,
        seksuele geaardheid, seksuele oriëntatie, orientation sexuelle, sexualité
    religion: religion, religions, religious, Religionszugehörigkeit, Konfession, Glaubensrichtung, religie,
        religia, religioasă, confesiune, религия, религиозна, религиозен, вероизповедание, godsdienst,
        geloofsovertuiging, religieux, religieuse, confession religieuse
    politics: political, political party, political views, politische, Parteimitgliedschaft, politică, политическа,
        политически, politieke, politique
    ethnicity: ethnicity, ethnic, ethnic group, ethnic origin, racial, tribe, Ethnie, ethnische, etnie, etnia,
        etnică, grup etnic, етнос, етническа, етнически, etniciteit, etnische, ethnique, origine ethnique, ethnie
    password: password, passwords, passwd, pwd, passcode, pincode, pin code, Passwort, Passwörter, Kennwort, parolă,
        parola, парола, пароли, wachtwoord, wachtwoorden, mot de passe, mots de passe
    message_content: messages, message text, message body, message content, chat log, chat history, chat messages,
        sms text, Nachrichten, Nachrichtentext, Chatverlauf, mesaje, textul mesajului, съобщения,
        текст на съобщението, berichten, berichttekst, texte du message
    fingerprint: fingerprint, fingerprints, biometric, biometrics, Fingerabdruck, Fingerabdrücke, Biometrie,
        amprentă, amprente, biometrice, пръстов отпечатък, пръстови отпечатъци, отпечатъци, биометрия, vingerafdruk,
        vingerafdrukken, biometrie, empreinte digitale, empreintes digitales, empreinte, empreintes, biométrie
    face_template: face template, face embedding, face encoding, face vector, faceprint, facial, Gesichtserkennung,
        gezichtsherkenning, reconnaissance faciale, лицево разпознаване, recunoaștere facială
    voice_template: voiceprint, voice print, voice sample, voice template, voice recording, Stimmprobe,
        Sprachaufnahme, stemopname, гласова проба, amprentă vocală, empreinte vocale
    dna: dna, adn, днк, dna profile, DNA-Profil, str profile, genetic, genotype, Erbgut, profil adn, profil genetic
    location_trace: gps, latitude, longitude, coordinates, geolocation, geopoint, location history, gps track,
        cell tower, Koordinaten, Standortverlauf, Breitengrad, Längengrad, coordonate, latitudine, longitudine,
        координати, ширина, coördinaten, breedtegraad, lengtegraad, coordonnées gps
    free_text: notes, comments, remarks, narrative, free text, Notizen, Bemerkungen, Kommentare, Anmerkung,
        Anmerkungen, observații, observațiile, comentarii, note interne, бележки, забележка, забележки, коментари,
        notities, opmerkingen, aantekeningen, remarques, commentaires, observations
""")
