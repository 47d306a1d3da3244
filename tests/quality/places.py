"""Where the generator's people come from and where they stay: towns with their names in use, the most usual first.

An entry is `native=other,other ...`; `_` is a space. Cyrillic, Greek and Georgian towns without one are spelt by
`romanisation`. Towns are in falling order of how many of our people have them, and drawn by rank.
"""

from typing import Final

__all__ = ["BIRTH_PLACES", "DESTINATIONS"]

BIRTH_PLACES: Final[dict[str, tuple[str, ...]]] = {
    origin: tuple(towns.split())
    for origin, towns in {
        "UA": """
            Київ=Kyiv,Kiev,Kiew Одеса=Odesa,Odessa Харків=Kharkiv,Kharkov,Charkiw Дніпро=Dnipro,Dnepr
            Львів=Lviv,Lvov,Lemberg Запоріжжя=Zaporizhzhia,Zaporozhye Миколаїв=Mykolaiv,Nikolaev
            Чернівці=Chernivtsi,Chernovtsy,Czernowitz Донецьк=Donetsk Херсон=Kherson Вінниця=Vinnytsia,Vinnitsa
            Житомир Полтава Ужгород=Uzhhorod,Uzhgorod Тернопіль=Ternopil Черкаси Суми Рівне=Rivne,Rovno Хмельницький
            Кривий_Ріг=Kryvyi_Rih,Krivoy_Rog Мукачево Ізмаїл Бердянськ Умань Коломия
        """,
        "RU": """
            Москва=Moskva,Moscow,Moskau Санкт-Петербург=Sankt-Peterburg,Saint_Petersburg,St_Petersburg Ростов=Rostov
            Казань=Kazan Самара Екатеринбург=Ekaterinburg,Yekaterinburg Новосибирск Воронеж Краснодар Омск Уфа
            Пермь=Perm Волгоград Саратов Тюмень=Tyumen Ижевск Иркутск Хабаровск Владивосток Челябинск Псков
            Тверь=Tver Брянск
        """,
        "BG": """
            София=Sofia,Sofija Пловдив Варна Бургас=Burgas,Bourgas Сливен Русе=Ruse,Rousse
            Пазарджик=Pazardzhik,Pazardjik Стара_Загора=Stara_Zagora Плевен Добрич Шумен=Shumen,Choumen
            Ямбол=Yambol,Jambol Хасково Перник Враца=Vratsa,Vraca Видин Монтана Лом Силистра Търговище=Targovishte
            Велинград Карнобат Нова_Загора
        """,
        "RS": """
            Београд=Beograd,Belgrade,Belgrad Нови_Сад=Novi_Sad Ниш=Niš,Nish Крагујевац=Kragujevac Суботица=Subotica
            Лесковац=Leskovac Врање=Vranje Шабац=Šabac,Sabac Чачак=Čačak,Cacak Ужице=Užice,Uzice Сомбор
            Ваљево=Valjevo Бор
        """,
        "GE": """
            თბილისი=Tbilisi,Tiflis ბათუმი=Batumi ქუთაისი=Kutaisi რუსთავი გორი ზუგდიდი ფოთი=Poti ხაშური თელავი
            ოზურგეთი სენაკი
        """,
        "GR": """
            Αθήνα=Athina,Athens Θεσσαλονίκη=Thessaloniki,Saloniki Πάτρα=Patra,Patras Ηράκλειο=Irakleio,Heraklion
            Λάρισα Βόλος
        """,
        "SY": """
            دمشق=Damascus,Dimashq,Damas حلب=Aleppo,Halab,Alep حمص=Homs,Hims اللاذقية=Latakia,Lattakia
            حماة=Hama,Hamah الرقة=Raqqa,Ar-Raqqah دير_الزور=Deir_ez-Zor,Dayr_az_Zawr إدلب=Idlib درعا=Daraa,Deraa
            القامشلي=Qamishli,Kamishly طرطوس=Tartus,Tartous السويداء=As-Suwayda,Sweida
        """,
        "IQ": """
            بغداد=Baghdad,Bagdad الموصل=Mosul,Mossul البصرة=Basra,Al-Basrah أربيل=Erbil,Arbil,Hewler كركوك=Kirkuk
            النجف=Najaf السليمانية=Sulaymaniyah,Sulaimaniya كربلاء=Karbala,Kerbala الناصرية=Nasiriyah
            الفلوجة=Fallujah,Falluja دهوك=Duhok,Dohuk الرمادي=Ramadi
        """,
        "MA": """
            الدار_البيضاء=Casablanca فاس=Fes,Fès,Fez مراكش=Marrakech,Marrakesh طنجة=Tanger,Tangier الرباط=Rabat
            مكناس=Meknes,Meknès وجدة=Oujda,Ujda أكادير=Agadir تطوان=Tetouan,Tétouan القنيطرة=Kenitra,Kénitra
            الناظور=Nador بني_ملال=Beni_Mellal خريبكة=Khouribga
        """,
        "IR": """
            تهران=Tehran,Teheran مشهد=Mashhad,Meshed اصفهان=Isfahan,Esfahan شیراز=Shiraz تبریز=Tabriz
            اهواز=Ahvaz,Ahwaz قم=Qom,Ghom رشت=Rasht کرمان=Kerman یزد=Yazd
        """,
        "CN": """
            福州=Fuzhou 福清=Fuqing 温州=Wenzhou 长乐=Changle 沈阳=Shenyang 哈尔滨=Harbin,Haerbin
            北京=Beijing,Peking 上海=Shanghai 广州=Guangzhou,Canton 深圳=Shenzhen 成都=Chengdu 重庆=Chongqing
            昆明=Kunming 青田=Qingtian 武汉=Wuhan 大连=Dalian 南宁=Nanning
        """,
        "TH": """
            กรุงเทพ=Bangkok,Krung_Thep เชียงใหม่=Chiang_Mai,Chiengmai อุดรธานี=Udon_Thani,Udorn_Thani
            ขอนแก่น=Khon_Kaen เชียงราย=Chiang_Rai พัทยา=Pattaya นครราชสีมา=Nakhon_Ratchasima,Korat
            อุบลราชธานี=Ubon_Ratchathani บุรีรัมย์=Buriram,Buri_Ram สุรินทร์=Surin เพชรบูรณ์=Phetchabun
        """,
        "IN": """
            मुंबई=Mumbai,Bombay दिल्ली=Delhi,Dilli कोलकाता=Kolkata,Calcutta पटना=Patna लखनऊ=Lucknow,Lakhnau
            वाराणसी=Varanasi,Benares जयपुर=Jaipur रांची=Ranchi सिलीगुड़ी=Siliguri पुणे=Pune,Poona नागपुर=Nagpur
            गुवाहाटी=Guwahati,Gauhati दार्जिलिंग=Darjeeling,Darjiling
        """,
        "ET": """
            አዲስ_አበባ=Addis_Ababa,Addis_Abeba ጎንደር=Gondar,Gonder መቀሌ=Mekelle,Mekele ባሕር_ዳር=Bahir_Dar,Bahar_Dar
            ጅማ=Jimma,Jima ሐዋሳ=Hawassa,Awasa ደሴ=Dessie,Dese
        """,
        "RO": """
            București=Bucharest,Bukarest,Bucarest Iași=Jassy,Yash Craiova Galați Bacău Brăila Constanța
            Cluj-Napoca=Cluj Timișoara=Temeswar Ploiești Brașov=Kronstadt Buzău Vaslui Botoșani Suceava Giurgiu
            Focșani Târgu_Jiu=Tîrgu_Jiu Slobozia Țăndărei Călărași Alexandria Pitești Sibiu=Hermannstadt Bistrița
            Satu_Mare
        """,
        "MD": """
            Chișinău=Kishinev,Chisinau Bălți=Beltsy,Balti Cahul=Kagul Soroca=Soroki Orhei Ungheni Tiraspol
            Bender=Tighina,Bendery Hâncești=Hîncești Comrat=Komrat Drochia Fălești Edineț Căușeni Strășeni Leova
            Florești Telenești
        """,
        "AL": """
            Tiranë=Tirana Durrës=Durres,Durazzo Vlorë=Vlora Shkodër=Shkodra,Scutari Elbasan Korçë=Korça,Korce Fier
            Berat Lushnjë Kukës Pogradec Gjirokastër
        """,
        "TR": """
            İstanbul=Istanbul Ankara İzmir=Izmir,Smyrna Diyarbakır Adana Gaziantep=Antep Şanlıurfa=Urfa Mardin Van
            Bursa Konya Batman Muş
        """,
        "NG": """
            Benin_City Lagos Ibadan Auchi Uromi Ekpoma Warri Asaba Onitsha Owerri Enugu Port_Harcourt=Port-Harcourt
            Abeokuta Kano Sapele Agbor Abuja Kaduna
        """,
        "VN": """
            Hà_Nội=Hanoi,Ha_Noi Hải_Phòng=Haiphong,Hai_Phong Nghệ_An=Nghe_An Hà_Tĩnh=Ha_Tinh Quảng_Bình
            Hồ_Chí_Minh=Ho_Chi_Minh_City,Saigon,Sài_Gòn Hải_Dương Thanh_Hóa=Thanh_Hoá Đà_Nẵng=Danang,Da_Nang
            Quảng_Ninh Cần_Thơ Tây_Ninh Nam_Định An_Giang Bắc_Giang Vinh
        """,
        "BR": """
            São_Paulo Goiânia Rio_de_Janeiro Belém Fortaleza Recife Salvador Natal Uberlândia Anápolis Brasília
            Manaus Curitiba Belo_Horizonte Vitória São_Luís Maceió
        """,
        "CO": """
            Cali=Santiago_de_Cali Pereira Medellín Bogotá=Santafé_de_Bogotá Armenia Manizales Cúcuta Barranquilla
            Cartagena Ibagué Neiva Pasto Palmira Tuluá Buenaventura
        """,
        "PH": """
            Manila=Maynila Quezon_City Cebu=Cebu_City Davao=Davao_City Iloilo Angeles=Angeles_City Zamboanga
            Batangas Tacloban Bacolod Cavite Legazpi Caloocan=Kalookan
        """,
    }.items()
}  # fmt: skip
"""Origin -> towns of birth."""

_DESTINATIONS: Final = """
Amsterdam Berlin Rotterdam Den_Haag=The_Hague,'s-Gravenhage,s_Gravenhage Brussel=Bruxelles,Brussels Paris Hamburg
Köln=Koeln,Cologne,Koln Antwerpen=Anvers,Antwerp Frankfurt_am_Main=Frankfurt,Frankfurt/Main München=Munich,Muenchen
Wien=Vienna Utrecht Milano=Milan,Mailand Warszawa=Warsaw,Warschau Praha=Prague,Prag Groningen Eindhoven Lyon
Marseille Düsseldorf=Duesseldorf,Dusseldorf Stuttgart Gent=Gand,Ghent Luik=Liège,Liege,Lüttich Tilburg Arnhem
Hannover=Hanover Leipzig Nürnberg=Nuremberg,Nuernberg Dortmund Bremen Charleroi Lille Roma=Rome,Rom
Napoli=Naples,Neapel Torino=Turin Zürich=Zuerich,Zurich Genève=Geneva,Genf Kraków=Krakow,Cracow,Krakau Budapest
București=Bucharest,Bukarest Timișoara=Timisoara Sofia Breda Nijmegen Maastricht Enschede Almere Haarlem Zwolle
Leiden Aachen=Aix-la-Chapelle Mannheim Saarbrücken=Saarbruecken,Saarbrucken Kiel Toulouse Nice=Nizza
Strasbourg=Straßburg,Strassburg Madrid Barcelona València=Valencia Sevilla=Seville København=Copenhagen,Kopenhagen
"""
DESTINATIONS: Final = tuple(_DESTINATIONS.split())
"""Towns where the two registers met their people."""
