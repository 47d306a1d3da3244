"""Names of people whose own script is Latin, with their accents: Romania, Moldova, Albania, Turkey, Nigeria, Viet Nam,
Brazil, Colombia, the Philippines. Common names, which are facts; surnames partly built from stems and endings.

Lists are in falling order of how usual a name is; the generator draws by rank. `=` names another usual spelling.
"""

from typing import Final

__all__ = ["LATIN"]

_RO_FEMALE: Final = """
Maria Elena Ana Ioana Andreea Mihaela Cristina Alexandra Daniela Gabriela Alina Simona Nicoleta Mariana Loredana
Ștefania Georgiana Florentina Raluca Roxana Bianca Denisa Larisa Mădălina Cătălina Adriana Claudia Monica Oana
Ramona Diana Lavinia Ionela Corina Irina Anca Liliana Cosmina Petronela Mirela Luminița Sorina Viorica Camelia
Ileana Țuța=Tuta Ancuța
"""
_RO_MALE: Final = """
Ion Gheorghe Vasile Constantin Mihai Andrei Alexandru Nicolae Marian Ștefan Florin Cristian Adrian Ionuț Daniel
Gabriel Bogdan Marius Sorin Cătălin Răzvan Dumitru Petru Ilie Lucian Viorel Cosmin Costel Valentin Claudiu Dragoș
Iulian Radu
"""
_RO_WHOLE: Final = """
Popa Radu Dumitru Stan Stoica Gheorghe Matei Ciobanu Rusu Munteanu Lazăr Moldovan Moraru Sandu Oprea Voicu Manea
Coman Nistor Barbu Ungureanu Crăciun Toma Roșu Lungu Bratu Pavel Cozma Țurcanu Șerban Bălan Negru Croitoru Vlad
Cojocaru Tănase Chiriac Muntean Bîrsan=Bârsan Vîlcu=Vâlcu Pîrvu=Pârvu Gîrleanu=Gârleanu Muşat=Mușat
"""
_RO_STEMS: Final = """
Pop Ion Constantin Georg Dumitr Petr Andre Marin Vasil Ștefăn Flor Mih Nicol Cristach Alb Bad Dobr Enach Filip Grig
Istrăt Jitar Lupul Mănăil Năst Oltean Păun Răduc Săv Teodor Vlăd Zamfir
"""
_MD_FEMALE: Final = """
Natalia Elena Maria Tatiana Ana Olga Cristina Doina Ecaterina Valentina Svetlana Irina Lilia Rodica
Aliona=Aliona,Alyona Nadejda=Nadezhda Mariana Liudmila=Ludmila Veronica Angela Corina Daniela Xenia=Ksenia Stela
Galina Snejana=Snezhana Inga Diana Iulia=Yulia Victoria Ludmila Zinaida Nina Vera Viorica Eugenia=Evghenia
Parascovia Domnica Felicia
"""
_MD_MALE: Final = """
Ion=Ivan Vasile=Vasilii Andrei=Andrey Alexandru=Alexandr Mihail Nicolae=Nicolai Serghei=Sergei Victor=Viktor
Petru=Piotr Grigore Igor Oleg Dumitru=Dmitrii Veaceslav=Viaceslav,Vyacheslav Iurie=Iurii,Yuri Gheorghe
Vitalie=Vitalii Radu Valeriu Tudor Ghenadie Anatolie Pavel Maxim Evghenii=Evgheni,Evgeny Ruslan Artiom=Artem Ilie
"""
_MD_WHOLE: Final = """
Rusu Ceban Ciobanu Munteanu Țurcan Cojocari=Cojocaru Lungu Gaina=Găina Sîrbu=Sârbu Popa Rotari=Rotaru
Botnari=Botnaru Negru Morari=Moraru Guțu=Guțul Cebotari Bodrug Balan Grosu Cazacu Bejan Chirilov=Kirilov Ivanov
Melnic=Melnik Railean Postolachi Cucu Croitor Frunză Roșca Rusnac Moroșanu Cebanu Ursu Toma Damian Gorea
Țîbuleac=Țâbuleac Vrabie Bivol
"""
_MD_STEMS: Final = "Pop Ion Plăm Lup Marin Grig Dobr Tim Bors Cozm Filip Andri Mold Stratul Gavril Zagor Ban"

_AL_FEMALE: Final = """
Elona Mirela Ardita Blerina Valbona Anila Drita Mimoza Albana Vjollca Arta Enkeleda Shqipe Teuta Fatjona Besjana
Xhensila Ermira Lindita Ornela Manjola Suela Jonida Klodiana Dorina Rovena Eglantina Ilda Majlinda Zamira Brunilda
Juliana Alketa Çiljeta Pranvera Flutura
"""
_AL_MALE: Final = """
Arben Agim Ilir Gëzim Bledar Altin Fatmir Artan Besnik Gentian Ardian Luan Petrit Skënder Dritan Klodian Edmond
Shkëlqim Astrit Genc Ervin Elton Erjon Fatos Bujar Xhevdet Sokol Saimir Ylli Mentor
"""
_AL_WHOLE: Final = """
Hoxha Shehu Prifti Leka Marku Gjoni Dervishi Kola Shkurti Hysa Cela=Çela Basha Meta Dibra Tafa Lleshi Bega Dema Çuko
Kurti Krasniqi Berisha Gashi Morina Bytyqi Thaçi Zeka Rexha Xhafa Nushi Gjini Doda Përmeti
"""
_AL_STEMS: Final = """
Hys Mur Sul Bajr Gjok Lek Ndre Pal Pren Mark Kol Deda Vel Has Ibrah Mehm Rama Qam Zen Xhem Shah Prel Lul Çel
"""

_TR_FEMALE: Final = """
Fatma Ayşe Emine Hatice Zeynep Elif Meryem Şerife Sultan Zehra Özlem Gül Yasemin Büşra Esra Merve Kübra Gülşen
Songül Hülya Sevgi Çiğdem Dilek Aysel İpek Nurcan Pınar Ebru Şule Tuğba Özge Güler Aslıhan Berfin Rojin
"""
_TR_MALE: Final = """
Mehmet Mustafa Ahmet Ali Hüseyin Hasan İbrahim İsmail Osman Yusuf Murat Ömer Ramazan Halil Süleyman Abdullah Mahmut
Recep Salih Fatih Kadir Emre Hakan Adem Serkan Kemal Yaşar Bekir Çetin Şükrü Orhan
"""
_TR_WHOLE: Final = """
Yılmaz Kaya Demir Çelik Şahin Yıldız Yıldırım Öztürk Aydın Özdemir Arslan=Aslan Doğan Kılıç Çetin Kara Koç Kurt
Özkan Şimşek Polat Korkmaz Çakır Erdoğan Güneş Tekin Yavuz Can Acar Avcı Bulut Keskin Ünal Güler Taş Aksoy Turan
Bayram Ateş Toprak Uçar Işık Çiftçi Kaplan Güven Sarı Duman Ekinci Alkan Oral Durmaz Yalçın Bozkurt Ceylan Erdem
Gündoğdu
"""
_TR_STEMS: Final = """
Demirci Hacı Kadı Molla İmam Kara Koca Bayrak Çoban Terzi Kuyumcu Değirmenci Şeker Arap Çolak Topçu Deli
"""

_NG_FEMALE: Final = """
Blessing Joy Faith Mercy Esther Gift Happiness Precious Favour Grace Patience Peace Osarugue Isoken Osasere Omosede
Ehinomen Itohan Osayuki Adesuwa Chioma Ngozi Chiamaka Ifeoma Amaka Nkechi Uchechi=Uche Chinyere Adaeze Ọlabisi
Fọlakẹ Ṣadé=Shade Títílayọ̀ Yétúndé Bùkọ́lá Fúnmiláyọ̀ Adésọlá Omolara=Ọmọlará Aisha Hauwa Zainab Edith Loveth
Sandra Juliet
"""
_NG_MALE: Final = """
Emmanuel Samuel Sunday Friday Michael John Godwin Festus Osagie Osaro Efosa Nosa Osahon Eghosa Chinedu Emeka Ikenna
Obinna Chukwuma Nnamdi Uchenna Kelechi Adébáyọ̀=Adebayo Olúwáṣeun=Oluwaseun Túndé Babatúndé=Babatunde Kúnlé Ibrahim
Musa Abubakar Usman Sani Lucky Kingsley Collins Augustine
"""
_NG_WHOLE: Final = """
Okafor Okoro Eze Okeke Nwosu Obi Igwe Onyeka Uzor Balogun Adeyemi Adeleke Adewale Ojo Ogunleye Bello Musa Ibrahim
Abubakar Lawal Osagie Igbinosa Igbinedion Aigbe Omoregie Osaghae Idahosa Ehigiator Osemwegie Ogbeide Uwaifo Iyamu
Edokpolor Obaseki Okonkwo Nwachukwu Chukwu Ogbonna Ugwu Aghedo Imafidon Ekhator Osayande Asemota
"""
_NG_STEMS: Final = "Osa Omo Igbi Ehi Ade Olu Ogun Ola Aki Nwa Oke Onye Chi Uzo Eke Iye Ame Ode Ayo Ifa"

_VN_FEMALE: Final = """
Hương Lan Linh Hoa Thảo Trang Hà Thu Mai Ngọc Hồng Phương Yến Nga Hằng Huyền Nhung Loan Thủy=Thuỷ Vân Tuyết Dung
Oanh Thúy Châu Hạnh Liên Quyên Trinh Giang My Nguyệt Anh Bích Chi Diệp Đào Gấm Hiền Khánh
"""
_VN_MALE: Final = """
Hùng Dũng Minh Tuấn Hải Nam Đức Sơn Long Thành Quân Cường Hiếu Trung Phong Tùng Thắng Việt Khoa Bình Đạt Toàn Lâm
Vinh Quang Nghĩa Phúc Tài Hoàng Kiên Đông
"""
_VN_FAMILIES: Final = """
Nguyễn Trần Lê Phạm Hoàng=Huỳnh Vũ=Võ Phan Trương Bùi Đặng Đỗ Ngô Hồ Dương Đinh Lý Đào Đoàn Lâm Mai Trịnh Hà Cao Tạ
Châu Thái Lương Quách Tô Vương
"""

_BR_FEMALE: Final = """
Maria Ana Juliana Fernanda Patrícia Aline Camila Amanda Bruna Jéssica Letícia Júlia Luciana Vanessa Mariana Gabriela
Vera Larissa Beatriz Débora Renata Simone Tatiane Rafaela Priscila Luana Sônia Daiane Natália Thaís Cristiane Érica
Elaine Raíssa
"""
_BR_MALE: Final = """
José João Antônio Francisco Carlos Paulo Pedro Lucas Luiz=Luís Marcos Gabriel Rafael Daniel Marcelo Bruno Eduardo
Felipe Rodrigo Manoel=Manuel Mateus=Matheus André Fernando Fábio Leonardo Gustavo Thiago=Tiago Leandro Vinícius
Wellington
"""
_BR_FAMILIES: Final = """
Silva Santos Oliveira Souza=Sousa Pereira Lima Ferreira Costa Rodrigues Almeida Nascimento Alves Carvalho Araújo
Ribeiro Barbosa Barros Freitas Lopes Cardoso Gonçalves Melo=Mello Rocha Dias Moreira Nunes Mendes Teixeira
Moraes=Morais Cavalcante Monteiro Batista=Baptista Correia=Corrêa Farias Moura Cunha Azevedo Castro Campos
Vieira Cavalcanti Pinto Assunção Cardozo=Cardoso Machado Ramos Reis Marques Borges Rezende=Resende Pires Tavares
Miranda Siqueira=Sequeira Fonseca Guimarães Macedo Bezerra Leite Xavier Amaral Sampaio Coelho Viana Pacheco
Queiroz=Queirós Paiva Brandão
"""
_CO_FEMALE: Final = """
María Luz Ana Sandra Diana Claudia Paola Andrea Carolina Liliana Yolanda Adriana Marcela Viviana Leidy=Leydi Yuliana
Daniela Natalia Valentina Angélica Mónica Blanca Gloria Johana=Yohana Alejandra Lorena Ximena=Jimena Catalina
Yesenia Ángela Milena Katherine=Catherine Deisy=Deicy Marisol Nubia
"""
_CO_MALE: Final = """
José Luis Carlos Juan Jorge Andrés Jesús Diego Oscar Fernando Miguel Víctor Jaime Álvaro Hernán Héctor Wilson Edwin
Jhon=John Julián Camilo Sebastián Mauricio César Rubén Javier Fabián Germán
"""
_CO_FAMILIES: Final = """
Rodríguez Gómez González=Gonzales Martínez García López Hernández Sánchez Ramírez Pérez Díaz Muñoz Rojas Moreno
Jiménez=Giménez Vargas Torres Castro Ortiz Gutiérrez Ruiz Valencia Quintero Suárez Álvarez Cárdenas Mosquera
Ospina Restrepo Giraldo Zapata Herrera Medina Arias Córdoba Franco Montoya Acosta Guerrero Salazar Peña Ávila
Nieto Bermúdez Echeverri Ibáñez Cruz Delgado Mejía Pineda Osorio=Ossorio Londoño Betancur=Betancourt Escobar
Duque Marín Caicedo Angulo Murillo Palacios Perea Rentería Hurtado Velásquez=Velázquez Arango Correa Henao
Buitrago
"""
_PH_FEMALE: Final = """
Maria Mary Jennifer Michelle Jocelyn Rowena Maricel Marites Rosalie Lourdes Cristina Angelica Jasmine
Kristine=Christine Analyn Lovely Princess Rhea Sheila Jenelyn=Jennylyn Marilou Gemma Rosemarie Arlene Liezel=Liezl
Cherry Aileen Nenita Ligaya Rhodora Evangeline Marivic Josephine Teresita Imelda
"""
_PH_MALE: Final = """
Jose Juan Rodel Ronaldo Reynaldo Eduardo Roberto Antonio Joel Jayson=Jason Mark Michael Rommel Ernesto Danilo Arnel
Ferdinand Jerome Marlon Noel Rogelio Emmanuel Benjie Dennis Allan Renato
"""
_PH_FAMILIES: Final = """
Santos Reyes Cruz Bautista Ocampo Garcia Mendoza Torres Castillo Villanueva Ramos Aquino Flores Fernandez Rivera
Navarro Salazar Mercado Domingo Dimaculangan Macaraeg Pangilinan Magsaysay Manalo Dela=De Tolentino Catapang
Batungbakal Abad Bagatsing Soriano Agustin Valdez=Valdes Corpuz=Corpus Evangelista Lacson Panganiban Sumulong
Katigbak Lualhati Dimagiba Magbanua Pascual Marquez=Márquez Santiago Lim Tan Hernandez Gonzales=Gonzalez Ignacio
Francisco Bernardo Perez Velasco Alonzo=Alonso Enriquez Cabrera Dizon Gatdula Malabanan Sarmiento Tumulak Abella
Cabahug Alcantara Ybañez=Ibañez
"""


def _built(whole: str, stems: str, endings: tuple[str, ...]) -> tuple[str, ...]:
    return (*whole.split(), *(stem + ending for ending in endings for stem in stems.split()))


LATIN: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]]] = {
    "RO": (
        tuple(_RO_FEMALE.split()),
        tuple(_RO_MALE.split()),
        _built(_RO_WHOLE, _RO_STEMS, ("escu", "eanu", "ache", "aru", "oiu")),
    ),
    "MD": (
        tuple(_MD_FEMALE.split()),
        tuple(_MD_MALE.split()),
        _built(_MD_WHOLE, _MD_STEMS, ("escu", "eanu", "ciuc", "enco", "ari")),
    ),
    "AL": (
        tuple(_AL_FEMALE.split()),
        tuple(_AL_MALE.split()),
        _built(_AL_WHOLE, _AL_STEMS, ("aj", "ani", "i", "ollari", "ushi")),
    ),
    "TR": (
        tuple(_TR_FEMALE.split()),
        tuple(_TR_MALE.split()),
        (
            *_built(_TR_WHOLE, _TR_STEMS, ("oğlu", "er")),
            *(f"Öz{x}" for x in ("türk", "demir", "kan", "bek", "soy", "gür", "çelik")),
        ),
    ),
    "NG": (
        tuple(_NG_FEMALE.split()),
        tuple(_NG_MALE.split()),
        _built(_NG_WHOLE, _NG_STEMS, ("gie", "ruyi", "buike", "wale", "nwa", "sagie")),
    ),
    "VN": (tuple(_VN_FEMALE.split()), tuple(_VN_MALE.split()), tuple(_VN_FAMILIES.split())),
    "BR": (tuple(_BR_FEMALE.split()), tuple(_BR_MALE.split()), tuple(_BR_FAMILIES.split())),
    "CO": (tuple(_CO_FEMALE.split()), tuple(_CO_MALE.split()), tuple(_CO_FAMILIES.split())),
    "PH": (tuple(_PH_FEMALE.split()), tuple(_PH_MALE.split()), tuple(_PH_FAMILIES.split())),
}
"""Origin -> women's names, men's names, surnames."""
